import { createInterface } from "node:readline";
import { openModel } from "../../sidecar/generation/open-model";
import { tensorToRgb } from "../../sidecar/image/pixels";
import { KeptModels } from "../../sidecar/pipeline/kept-models";
import { encodePrompts } from "../../sidecar/pipeline/prompt-encoding";
import { runSanaPipeline } from "../../sidecar/pipeline/sana-pipeline";
import { chooseSampling, createFlowScheduler } from "../../sidecar/pipeline/schedulers";
import type { ComputeChoice, Precision } from "../../sidecar/runtime/compute";
import type { FloatTensor } from "../../sidecar/tensor/float-tensor";
import { TorchCpuGenerator } from "../../sidecar/tensor/torch-random";

/**
 * This program's side of a comparison: loads one thing, then runs it once for every line on stdin.
 *
 *     node sana-contestant.cjs denoise|decode|first-prompt|next-prompt|picture CHECKPOINT PROMPT PRECISION [PIXELS]
 */

/** Pixels that one latent stands for along one side, in DC-AE f32. */
const COMPRESSION = 32;
/** All that official checkpoints read of a prompt. */
const TEXT_TOKENS = 300;

/** One run of what has been loaded. `before` is not part of the measured time. */
interface Job {
  readonly before?: () => Promise<void>;
  readonly run: () => Promise<unknown>;
}

interface Subject {
  readonly folder: string;
  readonly prompt: string;
  readonly compute: ComputeChoice;
  /** Sides of the latents. */
  readonly side: number;
}

async function loadDenoiser({ folder, compute, side }: Subject): Promise<Job> {
  const { configs, models } = await openModel(folder, compute);
  const transformer = await models.transformer();
  const { captionChannels, inChannels } = configs.transformer;
  const conditioning = await transformer.condition([
    noise([1, captionChannels]),
    noise([TEXT_TOKENS, captionChannels]),
  ]);
  const latents = noise([2, inChannels, side, side]);
  return { run: () => transformer.denoise({ latents, timestep: 682, guidance: null, conditioning }) };
}

async function loadDecoder({ folder, compute, side }: Subject): Promise<Job> {
  const { configs, models } = await openModel(folder, compute);
  const decoder = await models.decoder();
  const latents = noise([1, configs.autoencoder.latentChannels, side, side]);
  return { run: () => decoder.run(latents) };
}

/** A prompt with the instruction before it and an empty negative prompt. The next prompt finds the instruction read. */
async function loadTextEncoder({ folder, prompt, compute }: Subject, isFirst: boolean): Promise<Job> {
  const { tokenizer, models: loaders } = await openModel(folder, compute);
  const models = new KeptModels(loaders, () => true);
  const encode = (text: string): Promise<unknown> =>
    encodePrompts([text, ""], {
      tokenizer,
      models,
      humanInstruction: true,
      spelledWords: false,
      maxSequenceLength: TEXT_TOKENS,
    });
  let count = 0;
  // Another text each time: a program may remember the last one.
  const run = (): Promise<unknown> => {
    count += 1;
    return encode(`${prompt}, number ${count}`);
  };
  if (!isFirst) {
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
async function loadPipeline({ folder, prompt, compute }: Subject): Promise<Job> {
  const { checkpoint, configs, defaults, scheduler, tokenizer, models: loaders } = await openModel(folder, compute);
  const sampling = chooseSampling(undefined, scheduler);
  if (sampling.kind === "sprint") throw new Error(`${checkpoint.name} is a Sprint checkpoint`);
  const models = new KeptModels(loaders, () => true);
  await Promise.all([models.textEncoder(), models.transformer(), models.decoder()]);
  const steps = defaults.numInferenceSteps ?? 20;
  let count = 0;
  const run = async (): Promise<void> => {
    count += 1;
    const events = runSanaPipeline(
      {
        // Another text each time: the text encoder remembers the last one.
        prompt: `${prompt}, number ${count}`,
        negativePrompt: "",
        width: 512,
        height: 512,
        numInferenceSteps: steps,
        guidanceScale: defaults.guidanceScale ?? 4.5,
        seed: 1n,
        humanInstruction: defaults.complexHumanInstruction,
        spelledWords: defaults.spelledWords,
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

async function load(task: string, subject: Subject): Promise<Job> {
  switch (task) {
    case "denoise":
      return loadDenoiser(subject);
    case "decode":
      return loadDecoder(subject);
    case "first-prompt":
      return loadTextEncoder(subject, true);
    case "next-prompt":
      return loadTextEncoder(subject, false);
    case "picture":
      return loadPipeline(subject);
    default:
      throw new Error(`unknown task ${task}`);
  }
}

async function main(): Promise<void> {
  const [task, folder, prompt, precision, pixels] = process.argv.slice(2) as [
    string,
    string,
    string,
    Precision,
    string,
  ];
  const side = Number(pixels) / COMPRESSION;
  const job = await load(task, { folder, prompt, compute: { provider: "cpu", precision }, side });
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
