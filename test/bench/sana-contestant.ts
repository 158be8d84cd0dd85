import { createInterface } from "node:readline";
import {
  openAutoencoder,
  openCheckpoint,
  openScheduler,
  openTextEncoder,
  openTransformer,
  tokenizerFile,
} from "../../sidecar/checkpoint/diffusers-layout";
import { readGenerationDefaults } from "../../sidecar/checkpoint/generation-defaults";
import { tensorToRgb } from "../../sidecar/image/pixels";
import type { SanaModels } from "../../sidecar/pipeline/models";
import { encodePrompts } from "../../sidecar/pipeline/prompt-encoding";
import { runSanaPipeline } from "../../sidecar/pipeline/sana-pipeline";
import { chooseSampling, createFlowScheduler } from "../../sidecar/pipeline/schedulers";
import { prepareDecoder, prepareEncoder } from "../../sidecar/runtime/autoencoder";
import { prepareTextEncoder } from "../../sidecar/runtime/text-encoder";
import { prepareTransformer } from "../../sidecar/runtime/transformer";
import type { FloatTensor } from "../../sidecar/tensor/float-tensor";
import { TorchCpuGenerator } from "../../sidecar/tensor/torch-random";
import { openTokenizer } from "../../sidecar/tokenizer/gemma-tokenizer";

/**
 * This program's side of a comparison: loads one thing, then runs it once for every line on stdin.
 *
 *     node sana-contestant.cjs denoise|decode|first-prompt|next-prompt|picture CHECKPOINT PROMPT
 */

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
  const transformer = await prepareTransformer(config, weights)();
  const conditioning = await transformer.condition([
    noise([1, config.captionChannels]),
    noise([TEXT_TOKENS, config.captionChannels]),
  ]);
  const latents = noise([2, config.inChannels, LATENT_SIDE, LATENT_SIDE]);
  return { run: () => transformer.denoise({ latents, timestep: 682, guidance: null, conditioning }) };
}

async function loadDecoder(folder: string): Promise<Job> {
  const { config, weights } = await openAutoencoder(await openCheckpoint(folder));
  const decoder = await prepareDecoder(config, weights)();
  const latents = noise([1, config.latentChannels, LATENT_SIDE, LATENT_SIDE]);
  return { run: () => decoder.run(latents) };
}

/** A prompt with the instruction before it and an empty negative prompt. The next prompt finds the instruction read. */
async function loadTextEncoder(folder: string, options: { prompt: string; isFirst: boolean }): Promise<Job> {
  const checkpoint = await openCheckpoint(folder);
  const { config, weights } = await openTextEncoder(checkpoint);
  const tokenizer = await openTokenizer(await tokenizerFile(checkpoint));
  const load = prepareTextEncoder(config, weights);
  let encoder = await load();
  let kept = withoutRelease(encoder);
  const encode = (prompt: string): Promise<unknown> =>
    encodePrompts([prompt, ""], {
      tokenizer,
      models: { textEncoder: () => Promise.resolve(kept) },
      humanInstruction: true,
      maxSequenceLength: TEXT_TOKENS,
    });
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
    await encoder.release();
    encoder = await load();
    kept = withoutRelease(encoder);
  };
  return { before, run };
}

/** The whole way from prompt to pixels, with every network loaded already. */
async function loadPipeline(folder: string, prompt: string): Promise<Job> {
  const checkpoint = await openCheckpoint(folder);
  const transformer = await openTransformer(checkpoint);
  const autoencoder = await openAutoencoder(checkpoint);
  const textEncoder = await openTextEncoder(checkpoint);
  const defaults = await readGenerationDefaults(checkpoint);
  const sampling = chooseSampling(undefined, await openScheduler(checkpoint));
  if (sampling.kind === "sprint") throw new Error(`${folder} is a Sprint checkpoint`);
  const models: SanaModels = {
    textEncoder: keepLoaded(prepareTextEncoder(textEncoder.config, textEncoder.weights)),
    transformer: keepLoaded(prepareTransformer(transformer.config, transformer.weights)),
    decoder: keepLoaded(prepareDecoder(autoencoder.config, autoencoder.weights)),
    encoder: keepLoaded(prepareEncoder(autoencoder.config, autoencoder.weights)),
  };
  await Promise.all([models.textEncoder(), models.transformer(), models.decoder()]);
  const tokenizer = await openTokenizer(await tokenizerFile(checkpoint));
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
        checkpoint: { transformer: transformer.config, autoencoder: autoencoder.config, tokenizer },
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

/** Pipelines load and release; a program that makes many pictures loads once. */
function keepLoaded<Model extends object>(load: () => Promise<Model>): () => Promise<Model> {
  let loaded: Promise<Model> | undefined;
  return () => (loaded ??= load().then(withoutRelease));
}

function withoutRelease<Model extends object>(model: Model): Model {
  return Object.create(model, { release: { value: () => Promise.resolve() } }) as Model;
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
