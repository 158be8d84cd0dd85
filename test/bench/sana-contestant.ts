import { createInterface } from "node:readline";
import { openAutoencoder, openCheckpoint, openTransformer } from "../../sidecar/checkpoint/diffusers-layout";
import { openModel } from "../../sidecar/generation/open-model";
import { tensorToRgb } from "../../sidecar/image/pixels";
import { KeptModels } from "../../sidecar/pipeline/kept-models";
import { encodePrompts } from "../../sidecar/pipeline/prompt-encoding";
import { runSanaPipeline } from "../../sidecar/pipeline/sana-pipeline";
import { chooseSampling, createFlowScheduler } from "../../sidecar/pipeline/schedulers";
import { prepareDecoder } from "../../sidecar/runtime/autoencoder";
import type { Compute } from "../../sidecar/runtime/compute";
import { prepareTransformer } from "../../sidecar/runtime/transformer";
import type { FloatTensor } from "../../sidecar/tensor/float-tensor";
import { TorchCpuGenerator } from "../../sidecar/tensor/torch-random";

/**
 * This program's side of a comparison: loads one thing, then runs it once for every line on stdin.
 *
 *     node sana-contestant.cjs denoise|decode|first-prompt|next-prompt|picture CHECKPOINT PROMPT
 */

const CPU: Compute = { provider: "cpu", precision: "fp32" };
/** Latents of a picture of 512 × 512 pixels. */
const LATENT_SIDE = 16;
/** All that official checkpoints read of a prompt. */
const TEXT_TOKENS = 300;

/** One run of what has been loaded. `before` is not part of the measured time. */
interface Job {
  readonly before?: () => Promise<void>;
  readonly run: () => Promise<unknown>;
}

async function loadDenoiser(folder: string): Promise<Job> {
  const { config, weights } = await openTransformer(await openCheckpoint(folder));
  const transformer = await prepareTransformer(config, weights, CPU)();
  const conditioning = await transformer.condition([
    noise([1, config.captionChannels]),
    noise([TEXT_TOKENS, config.captionChannels]),
  ]);
  const latents = noise([2, config.inChannels, LATENT_SIDE, LATENT_SIDE]);
  return { run: () => transformer.denoise({ latents, timestep: 682, guidance: null, conditioning }) };
}

async function loadDecoder(folder: string): Promise<Job> {
  const { config, weights } = await openAutoencoder(await openCheckpoint(folder));
  const decoder = await prepareDecoder(config, weights, CPU)();
  const latents = noise([1, config.latentChannels, LATENT_SIDE, LATENT_SIDE]);
  return { run: () => decoder.run(latents) };
}

/** A prompt with the instruction before it and an empty negative prompt. The next prompt finds the instruction read. */
async function loadTextEncoder(folder: string, options: { prompt: string; isFirst: boolean }): Promise<Job> {
  const { tokenizer, models: loaders } = await openModel(folder, CPU);
  const models = new KeptModels(loaders, () => true);
  const encode = (prompt: string): Promise<unknown> =>
    encodePrompts([prompt, ""], { tokenizer, models, humanInstruction: true, maxSequenceLength: TEXT_TOKENS });
  let count = 0;
  // Another text each time: a program may remember the last one.
  const run = (): Promise<unknown> => {
    count += 1;
    return encode(`${options.prompt}, number ${count}`);
  };
  if (!options.isFirst) {
    await encode("another prompt");
    return { run };
  }
  const before = async (): Promise<void> => {
    await models.release();
    await models.textEncoder();
  };
  return { before, run };
}

/** The whole way from prompt to pixels, with every network loaded already. */
async function loadPipeline(folder: string, prompt: string): Promise<Job> {
  const { checkpoint, configs, defaults, scheduler, tokenizer, models: loaders } = await openModel(folder, CPU);
  const sampling = chooseSampling(undefined, scheduler);
  if (sampling.kind === "sprint") throw new Error(`${checkpoint.name} is a Sprint checkpoint`);
  const models = new KeptModels(loaders, () => true);
  await Promise.all([models.textEncoder(), models.transformer(), models.decoder()]);
  const steps = defaults.numInferenceSteps ?? 20;
  const run = async (): Promise<void> => {
    const events = runSanaPipeline(
      {
        prompt,
        negativePrompt: "",
        width: 512,
        height: 512,
        numInferenceSteps: steps,
        guidanceScale: defaults.guidanceScale ?? 4.5,
        seed: 1n,
        humanInstruction: defaults.complexHumanInstruction,
        maxSequenceLength: defaults.maxSequenceLength,
        resolutionBinning: false,
        vaeTiling: "auto",
        latents: null,
        startImage: null,
      },
      {
        checkpoint: { ...configs, tokenizer },
        models,
        scheduler: createFlowScheduler(sampling, steps),
        signal: new AbortController().signal,
      },
    );
    for (let next = await events.next(); ; next = await events.next()) {
      if (next.done !== true) continue;
      tensorToRgb(next.value.image);
      return;
    }
  };
  return { run };
}

function noise(dims: readonly number[]): FloatTensor {
  const length = dims.reduce((product, size) => product * size, 1);
  return { data: new TorchCpuGenerator(1n).randn(length), dims };
}

async function load(task: string, folder: string, prompt: string): Promise<Job> {
  switch (task) {
    case "denoise":
      return loadDenoiser(folder);
    case "decode":
      return loadDecoder(folder);
    case "first-prompt":
      return loadTextEncoder(folder, { prompt, isFirst: true });
    case "next-prompt":
      return loadTextEncoder(folder, { prompt, isFirst: false });
    case "picture":
      return loadPipeline(folder, prompt);
    default:
      throw new Error(`unknown task ${task}`);
  }
}

async function main(): Promise<void> {
  const [task, folder, prompt] = process.argv.slice(2) as [string, string, string];
  const job = await load(task, folder, prompt);
  const answer = (value: object): void => {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  };
  answer({});
  const requests = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  while ((await requests.next()).done !== true) {
    await job.before?.();
    const started = performance.now();
    await job.run();
    answer({ seconds: (performance.now() - started) / 1000 });
  }
}

void main();
