import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { TransformerConfig } from "../checkpoint/configs";
import {
  openAutoencoder,
  openCheckpoint,
  openScheduler,
  openTextEncoder,
  openTransformer,
} from "../checkpoint/diffusers-layout";
import { readGenerationDefaults } from "../checkpoint/generation-defaults";
import { SanaError } from "../errors";
import { BUNDLED_MODELS } from "../generation/bundled-models";
import { pictureDefaults } from "../generation/picture-defaults";
import { compressionOf } from "../pipeline/decode";
import { MAX_SIDE } from "../pipeline/request";
import { chooseSampling, SCHEDULER_NAMES } from "../pipeline/schedulers";
import type { BundledModel, ModelsResult } from "../protocol";

type Model = ModelsResult["models"][number];

/** A folder with more than this is not one that checkpoints were put into on purpose. */
const MAX_SUBFOLDERS = 200;

/**
 * Describes checkpoints: `ownModel` first, then the bundled ones, then those in `folders`, each a checkpoint or a folder
 * that holds some directly below it. What cannot be used is listed with the reason. No folder is listed twice.
 */
export async function listModels(ownModel: string, folders: readonly string[]): Promise<ModelsResult> {
  const found = new Set([ownModel, ...Object.values(BUNDLED_MODELS)]);
  for (const folder of folders) {
    for (const checkpoint of await checkpointsIn(folder)) found.add(checkpoint);
  }
  const models: Model[] = [];
  for (const folder of found) models.push(await describeOrExplain(folder));
  return { models };
}

/** The folder itself unless it holds checkpoints directly below it. */
async function checkpointsIn(folder: string): Promise<string[]> {
  const names = await subfolders(folder);
  if (names.includes("model_index.json")) return [folder];
  const below: string[] = [];
  for (const name of names.slice(0, MAX_SUBFOLDERS)) {
    const candidate = join(folder, name);
    if ((await subfolders(candidate)).includes("model_index.json")) below.push(candidate);
  }
  return below.length > 0 ? below : [folder];
}

async function subfolders(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    return [];
  }
}

async function describeOrExplain(folder: string): Promise<Model> {
  try {
    return await describe(folder);
  } catch (error) {
    if (!(error instanceof SanaError)) throw error;
    return { folder, error: { code: error.code, message: error.message } };
  }
}

async function describe(folder: string): Promise<Model> {
  const checkpoint = await openCheckpoint(folder);
  const [transformer, autoencoder, textEncoder, scheduler, defaults] = await Promise.all([
    openTransformer(checkpoint),
    openAutoencoder(checkpoint),
    openTextEncoder(checkpoint),
    openScheduler(checkpoint),
    readGenerationDefaults(checkpoint),
  ]);
  const tensors = [transformer, autoencoder, textEncoder].flatMap(({ weights }) => [...weights.tensors.values()]);
  const sprint = checkpoint.pipeline === "SanaSprintPipeline";
  const picture = pictureDefaults(checkpoint, { defaults, transformer: transformer.config });
  return {
    folder,
    name: defaults.name ?? checkpoint.name,
    bundled: bundledName(folder),
    pipeline: checkpoint.pipeline,
    sprint,
    bytes: tensors.reduce((sum, { byteLength }) => sum + byteLength, 0),
    sizes: defaults.sizes,
    anySize: defaults.resolutionBinning,
    sizeMultiple: sizeMultiple(transformer.config, compressionOf(autoencoder.config)),
    maxSide: MAX_SIDE,
    schedulers: SCHEDULER_NAMES.filter((name) => (name === "scm") === sprint),
    defaults: {
      width: picture.width,
      height: picture.height,
      steps: picture.numInferenceSteps,
      guidanceScale: picture.guidanceScale,
      scheduler: chooseSampling(undefined, scheduler).name,
      strength: picture.strength,
    },
  };
}

function bundledName(folder: string): BundledModel | null {
  const names = Object.keys(BUNDLED_MODELS) as BundledModel[];
  return names.find((name) => BUNDLED_MODELS[name] === folder) ?? null;
}

/** Both are powers of two; the reference asks for 32 in any case. */
function sizeMultiple({ patchSize }: TransformerConfig, compression: number): number {
  return Math.max(32, compression * patchSize);
}
