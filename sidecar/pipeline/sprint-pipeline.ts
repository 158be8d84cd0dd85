import type { ScmScheduler } from "../scheduler/scm";
import { shapeLength, type FloatTensor } from "../tensor/float-tensor";
import { TorchCpuGenerator } from "../tensor/torch-random";
import { encodeImage } from "./decode";
import type { GenerationEvent, GenerationResult } from "./events";
import { finishPicture } from "./finish-picture";
import { requireFinite, throwIfCancelled, truncationNotices } from "./guards";
import type { SanaModels } from "./models";
import { encodePrompts } from "./prompt-encoding";
import { firstStep, generationSize, latentShape, type GenerationRequest } from "./request";
import type { PipelineCheckpoint } from "./sana-pipeline";

/**
 * SanaSprintPipeline: one to four steps of a consistency model on the TrigFlow schedule, guidance embedded, no
 * unconditional half. Yields progress, returns the picture.
 * Source: diffusers pipelines/sana/pipeline_sana_sprint.py and pipeline_sana_sprint_img2img.py.
 */
export async function* runSprintPipeline(
  request: GenerationRequest & { stepNoise: FloatTensor | null },
  context: { checkpoint: PipelineCheckpoint; models: SanaModels; scheduler: ScmScheduler; signal: AbortSignal },
): AsyncGenerator<GenerationEvent, GenerationResult> {
  const { checkpoint, models, scheduler, signal } = context;
  const { sigmaData } = scheduler;

  // 1. The size that is generated.
  const size = generationSize(request, checkpoint.transformer);
  const shape = latentShape(size, checkpoint);

  // 2. The prompt.
  yield { type: "stage", stage: "read-prompt" };
  const encoded = await encodePrompts([request.prompt], { ...request, tokenizer: checkpoint.tokenizer, models });
  yield* truncationNotices(encoded);

  // 3. Latents: noise, or a picture on its way to noise.
  const generator = new TorchCpuGenerator(request.seed);
  const noise = request.latents?.data ?? generator.randn(shapeLength(shape));
  let latents: Float32Array = noise.map((value) => value * sigmaData);
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
    const angle = scheduler.timesteps[start]!;
    const [cos, sin] = [Math.fround(Math.cos(angle)), Math.fround(Math.sin(angle))];
    const scaledNoise = latents;
    latents = scaledNoise.map((value, i) => cos * Math.fround(clean.data[i]! * sigmaData) + sin * value);
  }

  // 4. Denoising.
  throwIfCancelled(signal);
  yield { type: "stage", stage: "load-transformer" };
  const transformer = await models.transformer();
  let denoised: Float32Array = latents;
  try {
    const conditioning = await transformer.condition(encoded.map(({ embeds }) => embeds));
    yield { type: "stage", stage: "denoise" };
    const guidance = Math.fround(
      Math.fround(request.guidanceScale) * Math.fround(checkpoint.transformer.guidanceEmbedsScale),
    );
    const total = request.numInferenceSteps - start;
    for (let step = 0; step < total; step += 1) {
      throwIfCancelled(signal);
      const index = start + step;
      const flow = flowCoordinates(scheduler.timesteps[index]!);
      const modelInput = latents.map((value) => Math.fround(value / sigmaData) * flow.norm);
      const output = await transformer.denoise({
        latents: { data: modelInput, dims: shape },
        timestep: flow.time,
        guidance,
        conditioning,
      });
      const velocity = trigFlowVelocity(modelInput, output.data, { flow, sigmaData });
      const stepNoise = noiseOfStep(request.stepNoise, step, latents.length) ?? generator.randn(latents.length);
      const next = scheduler.step(velocity, latents, { stepIndex: index, noise: stepNoise });
      latents = next.latents;
      denoised = next.denoised.map((value) => value / sigmaData);
      requireFinite(denoised, step + 1);
      yield { type: "step", step: step + 1, total, predictedClean: { data: denoised, dims: shape } };
    }
  } finally {
    await transformer.release();
  }

  // 5. The picture.
  return yield* finishPicture({ data: denoised, dims: shape }, { request, checkpoint, models, signal });
}

interface FlowCoordinates {
  /** Flow time s in [0, 1], which the model is given. */
  readonly time: number;
  /** √(s² + (1 − s)²): what a unit TrigFlow sample is multiplied by to lie on the flow path. */
  readonly norm: number;
}

/** The angle of TrigFlow as a time of flow matching, in float32 as the reference forms it. */
function flowCoordinates(angle: number): FlowCoordinates {
  const [sin, cos] = [Math.fround(Math.sin(angle)), Math.fround(Math.cos(angle))];
  const time = Math.fround(sin / Math.fround(cos + sin));
  const rest = Math.fround(1 - time);
  const norm = Math.fround(Math.sqrt(Math.fround(Math.fround(time * time) + Math.fround(rest * rest))));
  return { time, norm };
}

/** The flow model's output re-expressed as TrigFlow velocity. */
function trigFlowVelocity(
  modelInput: Float32Array,
  output: Float32Array,
  { flow, sigmaData }: { flow: FlowCoordinates; sigmaData: number },
): Float32Array {
  const { time, norm } = flow;
  const onInput = Math.fround(1 - Math.fround(2 * time));
  const onOutput = Math.fround(Math.fround(1 - Math.fround(2 * time)) + Math.fround(2 * Math.fround(time * time)));
  return modelInput.map((value, i) => Math.fround((onInput * value + onOutput * output[i]!) / norm) * sigmaData);
}

/** The given noise of one step out of [K, C, h, w], or null where none was given. */
function noiseOfStep(stepNoise: FloatTensor | null, step: number, length: number): Float32Array | null {
  if (stepNoise === null) return null;
  const noise = stepNoise.data.subarray(step * length, (step + 1) * length);
  // The last step's noise is multiplied by sin 0, so a file need not hold it.
  return noise.length === length ? noise : new Float32Array(length);
}
