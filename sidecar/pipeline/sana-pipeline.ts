import type { AutoencoderConfig, TransformerConfig } from "../checkpoint/configs";
import type { FlowScheduler } from "../scheduler/scheduler";
import { shapeLength, type FloatTensor } from "../tensor/float-tensor";
import { TorchCpuGenerator } from "../tensor/torch-random";
import type { GemmaTokenizer } from "../tokenizer/gemma-tokenizer";
import { encodeImage } from "./decode";
import type { GenerationEvent, GenerationResult } from "./events";
import { finishPicture } from "./finish-picture";
import { requireFinite, throwIfCancelled, truncationNotices } from "./guards";
import type { SanaModels, TransformerModel } from "./models";
import { encodePrompts } from "./prompt-encoding";
import { firstStep, generationSize, latentShape, type GenerationRequest } from "./request";

/** Everything a pipeline needs of a checkpoint. */
export interface PipelineCheckpoint {
  readonly transformer: TransformerConfig;
  readonly autoencoder: AutoencoderConfig;
  readonly tokenizer: GemmaTokenizer;
}

/**
 * SanaPipeline: text to image by flow matching with classifier-free guidance. Yields progress, returns the picture.
 * Source: diffusers pipelines/sana/pipeline_sana.py; image-to-image follows the other flow pipelines there.
 */
export async function* runSanaPipeline(
  request: GenerationRequest & { negativePrompt: string },
  context: { checkpoint: PipelineCheckpoint; models: SanaModels; scheduler: FlowScheduler; signal: AbortSignal },
): AsyncGenerator<GenerationEvent, GenerationResult> {
  const { checkpoint, models, scheduler, signal } = context;

  // 1. The size that is generated.
  const size = generationSize(request, checkpoint.transformer);
  const shape = latentShape(size, checkpoint);

  // 2. Prompts: the unconditional half only where guidance uses it.
  yield { type: "stage", stage: "read-prompt" };
  const guided = request.guidanceScale > 1;
  const prompts = guided ? [request.prompt, request.negativePrompt] : [request.prompt];
  const encoded = await encodePrompts(prompts, { ...request, tokenizer: checkpoint.tokenizer, models });
  yield* truncationNotices(encoded);
  // The reference's batch order: negative first.
  const texts = encoded.map(({ embeds }) => embeds).reverse();

  // 3. Latents: noise, or a picture with as much noise as the first step expects.
  let latents = request.latents?.data ?? new TorchCpuGenerator(request.seed).randn(shapeLength(shape));
  let start = 0;
  if (request.startImage !== null) {
    start = firstStep(request.numInferenceSteps, request.startImage.strength);
    throwIfCancelled(signal);
    yield { type: "stage", stage: "encode-image" };
    const clean = await encodeImage(request.startImage.pixels, {
      config: checkpoint.autoencoder,
      models,
      tiling: request.vaeTiling,
    });
    const sigma = scheduler.sigmas[start]!;
    const noise = latents;
    latents = noise.map((value, i) => (1 - sigma) * clean.data[i]! + sigma * value);
  }

  // 4. Denoising.
  throwIfCancelled(signal);
  yield { type: "stage", stage: "load-transformer" };
  const transformer = await models.transformer();
  try {
    const conditioning = await transformer.condition(texts);
    yield { type: "stage", stage: "denoise" };
    const total = request.numInferenceSteps - start;
    for (let step = 0; step < total; step += 1) {
      throwIfCancelled(signal);
      const index = start + step;
      const velocity = await predictVelocity(transformer, {
        latents: { data: latents, dims: shape },
        timestep: scheduler.timesteps[index]! * checkpoint.transformer.timestepScale,
        guidanceScale: request.guidanceScale,
        guided,
        conditioning,
      });
      const predictedClean = scheduler.predictClean(velocity, latents, index);
      latents = scheduler.step(velocity, latents, index);
      requireFinite(latents, step + 1);
      yield { type: "step", step: step + 1, total, predictedClean: { data: predictedClean, dims: shape } };
    }
  } finally {
    await transformer.release();
  }

  // 5. The picture.
  return yield* finishPicture({ data: latents, dims: shape }, { request, checkpoint, models, signal });
}

/** The guided velocity of one step, in the latents' shape. */
async function predictVelocity<Conditioning>(
  transformer: TransformerModel<Conditioning>,
  call: {
    latents: FloatTensor;
    timestep: number;
    guidanceScale: number;
    guided: boolean;
    conditioning: Conditioning;
  },
): Promise<Float32Array> {
  const count = call.guided ? 2 : 1;
  const output = await transformer.denoise({
    latents: repeated(call.latents, count),
    timestep: call.timestep,
    guidance: null,
    conditioning: call.conditioning,
  });
  // A model with learned sigma gives twice the channels; only the first half of them is the velocity.
  const length = call.latents.data.length;
  const unconditional = output.data.subarray(0, length);
  if (!call.guided) return unconditional;
  const second = output.data.length / 2;
  const conditional = output.data.subarray(second, second + length);
  return unconditional.map((value, i) =>
    Math.fround(value + Math.fround(call.guidanceScale * Math.fround(conditional[i]! - value))),
  );
}

/** [1, C, h, w] to [count, C, h, w]. */
function repeated(latents: FloatTensor, count: number): FloatTensor {
  const data = new Float32Array(latents.data.length * count);
  for (let i = 0; i < count; i += 1) data.set(latents.data, i * latents.data.length);
  return { data, dims: [count, ...latents.dims.slice(1)] };
}
