import { createHash } from "node:crypto";
import type { AutoencoderConfig } from "../checkpoint/configs";
import type { Checkpoint } from "../checkpoint/diffusers-layout";
import { checkWeights, modelHash } from "../checkpoint/weight-integrity";
import { SanaError } from "../errors";
import { cacheFolder } from "../files/cache-folder";
import { MAX_IMAGE_FILE_BYTES, readInputFile } from "../files/input-file";
import type { GenerationParameters } from "../image/generation-parameters";
import { resizeLanczos } from "../image/lanczos";
import { rgbToTensor } from "../image/pixels";
import { decodePng } from "../image/png-decoder";
import type { VaeTiling } from "../pipeline/decode";
import type { GenerationEvent, GenerationResult } from "../pipeline/events";
import type { SanaModels } from "../pipeline/models";
import {
  checkNumbers,
  firstStep,
  generationSize,
  latentShape,
  type GenerationRequest,
  type Size,
  type StartImage,
} from "../pipeline/request";
import { runSanaPipeline } from "../pipeline/sana-pipeline";
import { chooseSampling, createFlowScheduler, type SchedulerName } from "../pipeline/schedulers";
import { runSprintPipeline } from "../pipeline/sprint-pipeline";
import { createScm } from "../scheduler/scm";
import { checkLatents, checkStepNoise, readLatentsFile } from "./latents-file";
import type { OpenModel } from "./open-model";
import { pictureDefaults } from "./picture-defaults";

declare const PROGRAM_VERSION: string;

/** What a user can say about a picture; what is left out comes from the checkpoint's generation defaults. */
export interface RunOptions {
  readonly model: OpenModel;
  readonly prompt: string;
  readonly negativePrompt?: string;
  readonly width?: number;
  readonly height?: number;
  readonly steps?: number;
  readonly guidanceScale?: number;
  readonly scheduler?: SchedulerName;
  readonly seed: bigint;
  readonly latents?: string;
  readonly humanInstruction: boolean;
  readonly resolutionBinning: boolean;
  readonly vaeTiling: VaeTiling;
  readonly image?: string;
  readonly strength?: number;
}

/** A picture that is ready to be made: everything has been read and checked, no network is loaded yet. */
export interface Run {
  readonly checkpoint: Checkpoint;
  readonly models: SanaModels;
  readonly autoencoder: AutoencoderConfig;
  /** Steps that will run: fewer than asked for in image-to-image. */
  readonly stepCount: number;
  readonly parameters: GenerationParameters;
  readonly events: AsyncGenerator<GenerationEvent, GenerationResult>;
}

/** Reads and checks everything that a picture needs. Throws a SanaError for whatever is wrong with it. */
export async function prepareRun(options: RunOptions, signal: AbortSignal): Promise<Run> {
  const { model } = options;
  const { checkpoint, defaults, scheduler, configs, models } = model;
  const isSprint = checkpoint.pipeline === "SanaSprintPipeline";

  const usual = pictureDefaults(checkpoint, { defaults, transformer: configs.transformer });
  const numbers = {
    width: options.width ?? usual.width,
    height: options.height ?? usual.height,
    numInferenceSteps: options.steps ?? usual.numInferenceSteps,
    guidanceScale: options.guidanceScale ?? usual.guidanceScale,
  };
  checkNumbers(numbers);
  if (isSprint && (options.negativePrompt ?? "") !== "") {
    const message = "--negative-prompt has no meaning for a Sprint checkpoint; the bundled quality model knows one";
    throw new SanaError("invalid-parameter", message);
  }
  const sampling = chooseSampling(options.scheduler, scheduler);
  const resolutionBinning = options.resolutionBinning && defaults.resolutionBinning;
  const size = generationSize({ ...numbers, resolutionBinning }, configs.transformer);
  const shape = latentShape(size, configs);
  const latents = options.latents === undefined ? null : await readLatentsFile(options.latents);
  if (latents !== null) checkLatents(options.latents!, latents, shape);
  const start = await readStartImage(options, { ...numbers, size, usualStrength: usual.strength });
  const steps = numbers.numInferenceSteps;
  const stepCount = steps - (start === null ? 0 : firstStep(steps, start.image.strength));
  if (latents !== null && isSprint) checkStepNoise(options.latents!, latents, stepCount);
  const integrity = await checkWeights(model.weights, cacheFolder(), signal);

  const request: GenerationRequest = {
    prompt: options.prompt,
    ...numbers,
    seed: options.seed,
    humanInstruction: options.humanInstruction && defaults.complexHumanInstruction,
    spelledWords: defaults.spelledWords,
    maxSequenceLength: defaults.maxSequenceLength,
    resolutionBinning,
    vaeTiling: options.vaeTiling,
    latents: latents?.latents ?? null,
    startImage: start?.image ?? null,
  };
  const negativePrompt = options.negativePrompt ?? "";
  const context = { checkpoint: { ...configs, tokenizer: model.tokenizer }, models, signal };
  const events =
    sampling.kind === "sprint"
      ? runSprintPipeline(
          { ...request, stepNoise: latents?.stepNoise ?? null },
          {
            ...context,
            scheduler: createScm({
              numInferenceSteps: steps,
              sigmaData: sampling.config.sigmaData,
              angles: defaults.timesteps?.[steps],
            }),
          },
        )
      : runSanaPipeline(
          { ...request, negativePrompt },
          { ...context, scheduler: createFlowScheduler(sampling, steps) },
        );
  return {
    checkpoint,
    models,
    autoencoder: configs.autoencoder,
    stepCount,
    parameters: {
      prompt: options.prompt,
      negativePrompt,
      seed: options.seed,
      width: numbers.width,
      height: numbers.height,
      steps,
      guidanceScale: numbers.guidanceScale,
      scheduler: sampling.name,
      model: defaults.name ?? checkpoint.name,
      modelHash: modelHash(integrity),
      precision: model.compute.precision,
      humanInstruction: request.humanInstruction,
      maxSequenceLength: request.maxSequenceLength,
      resolutionBinning,
      vaeTiling: options.vaeTiling,
      ...(latents === null ? {} : { latentsSha256: latents.sha256 }),
      ...(start === null ? {} : { strength: start.image.strength, sourceImageSha256: start.sha256 }),
      programVersion: PROGRAM_VERSION,
    },
    events,
  };
}

/** The picture to start from, resized to the size that is generated, and the SHA-256 of its file. */
async function readStartImage(
  options: RunOptions,
  generation: { size: Size; numInferenceSteps: number; usualStrength: number },
): Promise<{ image: StartImage; sha256: string } | null> {
  if (options.image === undefined) {
    if (options.strength === undefined) return null;
    throw new SanaError("invalid-parameter", "--strength needs --image: it says how much of that picture is redrawn");
  }
  const strength = options.strength ?? generation.usualStrength;
  // Refused before the picture is read.
  firstStep(generation.numInferenceSteps, strength);
  const bytes = await readInputFile(options.image, { maxBytes: MAX_IMAGE_FILE_BYTES });
  const resized = resizeLanczos(decodePng(bytes, options.image), generation.size.width, generation.size.height);
  return {
    image: { pixels: rgbToTensor(resized), strength },
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}
