import { stat } from "node:fs/promises";
import { Command } from "commander";
import {
  openAutoencoder,
  openCheckpoint,
  openScheduler,
  openTextEncoder,
  openTransformer,
} from "../checkpoint/diffusers-layout";
import { readGenerationDefaults } from "../checkpoint/generation-defaults";
import { checkWeights, modelHash } from "../checkpoint/weight-integrity";
import type { WeightDirectory } from "../checkpoint/weights";
import { SanaError } from "../errors";
import { cacheFolder } from "../files/cache-folder";
import { MAX_IMAGE_FILE_BYTES, readInputFile } from "../files/input-file";
import { systemErrorReason } from "../files/system-error";
import { readParameters } from "../image/generation-parameters";
import { toJson, toJsonValue } from "./json";
import { print } from "./print";

/** `sana inspect`: what a checkpoint folder holds, or how a picture was made. */
export function inspectCommand(): Command {
  return new Command("inspect")
    .description("show what a checkpoint holds or how a picture was made")
    .argument("<path>", "checkpoint folder or PNG file")
    .option("--json", "print one JSON object")
    .action(async (path: string, options: { json?: boolean }) => {
      const record = (await isFolder(path)) ? await describeCheckpoint(path) : await describePicture(path);
      await print(options.json ? `${toJson(record)}\n` : readable(record));
    });
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    const shown = path === "" ? 'the path ""' : path;
    throw new SanaError("invalid-input-file", `cannot read ${shown}: ${systemErrorReason(error)}`, { cause: error });
  }
}

async function describePicture(path: string): Promise<Record<string, unknown>> {
  const parameters = readParameters(await readInputFile(path, { maxBytes: MAX_IMAGE_FILE_BYTES }), path);
  if (parameters === undefined) {
    throw new SanaError("invalid-input-file", `${path}: the picture holds no parameters of this program`);
  }
  return parameters;
}

async function describeCheckpoint(path: string): Promise<Record<string, unknown>> {
  const checkpoint = await openCheckpoint(path);
  const [transformer, autoencoder, textEncoder, scheduler, defaults] = await Promise.all([
    openTransformer(checkpoint),
    openAutoencoder(checkpoint),
    openTextEncoder(checkpoint),
    openScheduler(checkpoint),
    readGenerationDefaults(checkpoint),
  ]);
  const components = { transformer, vae: autoencoder, textEncoder };
  const integrity = await checkWeights(
    Object.values(components).map(({ weights }) => weights),
    cacheFolder(),
  );
  const described = Object.entries(components).map(([name, { config, weights }]) => [
    name,
    { ...weightSummary(weights), config },
  ]);
  return {
    model: defaults.name ?? checkpoint.name,
    modelHash: modelHash(integrity),
    pipeline: checkpoint.pipeline,
    ...(Object.fromEntries(described) as Record<string, unknown>),
    scheduler,
    generationDefaults: defaults,
  };
}

function weightSummary(weights: WeightDirectory): { bytes: number; storedAs: string[] } {
  const tensors = [...weights.tensors.values()];
  return {
    bytes: tensors.reduce((sum, tensor) => sum + tensor.byteLength, 0),
    storedAs: [...new Set(tensors.map((tensor) => tensor.dtype))].sort(),
  };
}

function readable(record: Readonly<Record<string, unknown>>): string {
  return Object.entries(record)
    .map(([key, value]) => `${key}: ${typeof value === "string" ? value : toJsonValue(value)}\n`)
    .join("");
}
