import type { AutoencoderConfig, TransformerConfig } from "../checkpoint/configs";
import { SanaError } from "../errors";
import type { FloatTensor } from "../tensor/float-tensor";
import { compressionOf, type VaeTiling } from "./decode";
import { classifyHeightWidth } from "./resolution-bins";

/** What a picture is made from. Sizes in pixels. */
export interface GenerationRequest {
  readonly prompt: string;
  readonly width: number;
  readonly height: number;
  /** 1 … 1000. */
  readonly numInferenceSteps: number;
  /** Classifier-free guidance is computed where it is above 1; Sprint embeds it instead. */
  readonly guidanceScale: number;
  /** Used for every number that is drawn and not given. */
  readonly seed: bigint;
  /** Whether the complex human instruction goes before the prompt. */
  readonly humanInstruction: boolean;
  /** Whether words in quotes are spelled out for the text encoder, in the prompt and in the negative one. */
  readonly spelledWords: boolean;
  /** Text tokens that the transformer sees at most. */
  readonly maxSequenceLength: number;
  /** Whether the picture is made at the nearest size of the model's table, then resized and cropped. */
  readonly resolutionBinning: boolean;
  readonly vaeTiling: VaeTiling;
  /** Unit normal noise [1, C, h, w] of the size that is generated, in place of the seed's. */
  readonly latents: FloatTensor | null;
  readonly startImage: StartImage | null;
}

/** Image-to-image: where denoising starts from. */
export interface StartImage {
  /** [1, 3, H, W] in −1…1 at the size that is generated. */
  readonly pixels: FloatTensor;
  /** 0 (exclusive) keeps the picture, 1 ignores it. */
  readonly strength: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

// The 4K models' widest pictures have sides of 8192 pixels.
export const MAX_SIDE = 8192;
const MAX_STEPS = 1000;
// The reference asks for it whatever the autoencoder's compression is.
const SIZE_MULTIPLE = 32;

/** Throws `invalid-parameter` where a number is outside what any checkpoint allows. */
export function checkNumbers(request: {
  width: number;
  height: number;
  numInferenceSteps: number;
  guidanceScale: number;
}): void {
  for (const side of ["width", "height"] as const) {
    if (!Number.isInteger(request[side]) || request[side] < 1 || request[side] > MAX_SIDE) {
      throw new SanaError(
        "invalid-parameter",
        `${side} is ${request[side]}; allowed are whole numbers from 1 to ${MAX_SIDE}`,
      );
    }
  }
  const steps = request.numInferenceSteps;
  if (!Number.isInteger(steps) || steps < 1 || steps > MAX_STEPS) {
    throw new SanaError("invalid-parameter", `steps is ${steps}; allowed are whole numbers from 1 to ${MAX_STEPS}`);
  }
  if (!Number.isFinite(request.guidanceScale)) {
    throw new SanaError("invalid-parameter", `guidance scale is ${request.guidanceScale}; allowed are finite numbers`);
  }
}

/** The size at which the picture is generated before it is resized to what was asked for. */
export function generationSize(request: Size & { resolutionBinning: boolean }, config: TransformerConfig): Size {
  if (request.resolutionBinning) return classifyHeightWidth({ ...request, sampleSize: config.sampleSize });
  for (const side of ["width", "height"] as const) {
    if (request[side] % SIZE_MULTIPLE !== 0) {
      throw new SanaError(
        "invalid-parameter",
        `${side} is ${request[side]}; without resolution binning it must be a multiple of ${SIZE_MULTIPLE}`,
      );
    }
  }
  return { width: request.width, height: request.height };
}

/**
 * The shape of the latents of a picture of that size, [1, channels, h, w]. Throws `invalid-parameter` where the
 * transformer's patches do not cover it.
 */
export function latentShape(
  size: Size,
  configs: { transformer: TransformerConfig; autoencoder: AutoencoderConfig },
): [number, number, number, number] {
  const compression = compressionOf(configs.autoencoder);
  const { inChannels, patchSize } = configs.transformer;
  const cells = (side: "width" | "height"): number => {
    const count = Math.floor(size[side] / compression);
    if (count === 0 || count % patchSize !== 0) {
      throw new SanaError(
        "invalid-parameter",
        `${side} is ${size[side]}; this checkpoint makes multiples of ${compression * patchSize}`,
      );
    }
    return count;
  };
  return [1, inChannels, cells("height"), cells("width")];
}

/**
 * The index of the first step of image-to-image. Throws `invalid-parameter` where the strength is not in (0, 1] or so
 * small that no step would be left.
 */
export function firstStep(numInferenceSteps: number, strength: number): number {
  if (!(strength > 0 && strength <= 1)) {
    throw new SanaError("invalid-parameter", `strength is ${strength}; allowed are numbers above 0 up to 1`);
  }
  const first = Math.trunc(numInferenceSteps - Math.min(numInferenceSteps * strength, numInferenceSteps));
  if (first === numInferenceSteps) {
    throw new SanaError(
      "invalid-parameter",
      `strength is ${strength}, which leaves none of ${numInferenceSteps} steps`,
    );
  }
  return first;
}
