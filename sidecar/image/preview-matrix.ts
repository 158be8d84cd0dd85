import * as v from "valibot";
import { SanaError } from "../errors";
import { isFiniteTensor, type FloatTensor } from "../tensor/float-tensor";
import { CELL_SIDE, outputPlace, type PreviewMatrix } from "./latent-preview";
import type { RgbImage } from "./pixels";

const OUTPUTS = 3 * CELL_SIDE ** 2;

/** Weight of the penalty on large coefficients, in units of a channel's mean variance. */
const RIDGE = 1e-3;

/** Keeps the equations solvable when all latents are equal. */
const LEAST_VARIANCE = 1e-12;

const FiniteNumbers = v.array(v.pipe(v.number(), v.finite()));

/** A picture and its latents [1, C, h, w], scaled as the transformer knows them; its sides are those of the latents times a multiple of CELL_SIDE. */
export interface PreviewSample {
  readonly image: RgbImage;
  readonly latents: FloatTensor;
}

/**
 * Fits the map from latents to preview colours to pairs of pictures and their latents: least squares with a ridge
 * penalty, solved by Cholesky factorisation in float64.
 * Throws "non-finite" when the latents are not finite.
 */
export function fitPreviewMatrix(samples: readonly PreviewSample[]): PreviewMatrix {
  if (!samples.every(({ latents }) => isFiniteTensor(latents.data))) {
    throw new SanaError("non-finite", "the encoder gave numbers that are not finite, so no preview can be made");
  }
  const channels = samples[0]!.latents.dims[1]!;
  const inputs = samples.flatMap(({ latents }) => latentCells(latents));
  const outputs = samples.flatMap(({ image, latents }) => imageBlocks(image, latents));
  const inputMean = mean(inputs);
  const outputMean = mean(outputs);

  const covariance = crossCovariance({ left: inputs, leftMean: inputMean, right: inputs, rightMean: inputMean });
  const variance = covariance.reduce((sum, row, channel) => sum + row[channel]!, 0) / channels;
  for (let channel = 0; channel < channels; channel += 1) {
    covariance[channel]![channel]! += RIDGE * variance + LEAST_VARIANCE;
  }
  const factor = choleskyFactor(covariance);
  const targets = crossCovariance({ left: outputs, leftMean: outputMean, right: inputs, rightMean: inputMean });
  const rows = targets.map((target) => choleskySolve(factor, target));
  return {
    channels,
    weights: Float32Array.from(rows.flatMap((row) => [...row])),
    bias: Float32Array.from(outputMean, (value, output) => value - dot(rows[output]!, inputMean)),
  };
}

/** The matrix as JSON; float32 numbers in decimal come back as the same float32 numbers. */
export function previewMatrixToJson({ channels, weights, bias }: PreviewMatrix): string {
  return JSON.stringify({ channels, weights: Array.from(weights, inNineDigits), bias: Array.from(bias, inNineDigits) });
}

/** Nine digits tell all float32 numbers apart. */
function inNineDigits(value: number): number {
  return Number(value.toPrecision(9));
}

/** Reads what `previewMatrixToJson` wrote; undefined for anything that is not a matrix for `channels` channels. */
export function parsePreviewMatrix(json: string, channels: number): PreviewMatrix | undefined {
  const schema = v.object({
    channels: v.literal(channels),
    weights: v.pipe(FiniteNumbers, v.length(OUTPUTS * channels)),
    bias: v.pipe(FiniteNumbers, v.length(OUTPUTS)),
  });
  try {
    const { weights, bias } = v.parse(schema, JSON.parse(json));
    return { channels, weights: Float32Array.from(weights), bias: Float32Array.from(bias) };
  } catch {
    return undefined;
  }
}

/** One vector of C values for each cell. */
function latentCells({ data, dims }: FloatTensor): Float64Array[] {
  const [, channels, height, width] = dims as [number, number, number, number];
  const cells = height * width;
  return Array.from({ length: cells }, (_, cell) =>
    Float64Array.from({ length: channels }, (_, channel) => data[channel * cells + cell]!),
  );
}

/** For each cell the block of colours in [−1, 1] that the picture shows there, every value a mean over a square. */
function imageBlocks(image: RgbImage, latents: FloatTensor): Float64Array[] {
  const [, , height, width] = latents.dims as [number, number, number, number];
  const square = image.width / (width * CELL_SIDE);
  return Array.from({ length: height * width }, (_, cell) =>
    Float64Array.from({ length: OUTPUTS }, (_, output) => {
      const [color, row, column] = outputPlace(output);
      const top = (Math.floor(cell / width) * CELL_SIDE + row) * square;
      const left = ((cell % width) * CELL_SIDE + column) * square;
      let sum = 0;
      for (let y = top; y < top + square; y += 1) {
        for (let x = left; x < left + square; x += 1) sum += image.data[3 * (y * image.width + x) + color]!;
      }
      return sum / square ** 2 / 127.5 - 1;
    }),
  );
}

function mean(vectors: readonly Float64Array[]): Float64Array {
  const result = new Float64Array(vectors[0]!.length);
  for (const vector of vectors) vector.forEach((value, i) => (result[i]! += value / vectors.length));
  return result;
}

interface Pairs {
  readonly left: readonly Float64Array[];
  readonly leftMean: Float64Array;
  readonly right: readonly Float64Array[];
  readonly rightMean: Float64Array;
}

/** Mean of (left − its mean) · (right − its mean)ᵀ over all pairs, a row for each element of `left`. */
function crossCovariance({ left, leftMean, right, rightMean }: Pairs): Float64Array[] {
  const rows = Array.from(leftMean, () => new Float64Array(rightMean.length));
  left.forEach((leftVector, pair) => {
    const rightVector = right[pair]!;
    for (let i = 0; i < leftMean.length; i += 1) {
      const deviation = (leftVector[i]! - leftMean[i]!) / left.length;
      const row = rows[i]!;
      for (let j = 0; j < rightMean.length; j += 1) row[j]! += deviation * (rightVector[j]! - rightMean[j]!);
    }
  });
  return rows;
}

/** The lower triangular L with L·Lᵀ = `matrix`, which is symmetric and positive definite. */
function choleskyFactor(matrix: readonly Float64Array[]): Float64Array[] {
  const factor = matrix.map((row) => new Float64Array(row.length));
  for (let i = 0; i < matrix.length; i += 1) {
    for (let j = 0; j <= i; j += 1) {
      let rest = matrix[i]![j]!;
      for (let k = 0; k < j; k += 1) rest -= factor[i]![k]! * factor[j]![k]!;
      factor[i]![j] = i === j ? Math.sqrt(rest) : rest / factor[j]![j]!;
    }
  }
  return factor;
}

/** Solves L·Lᵀ·x = `target`. */
function choleskySolve(factor: readonly Float64Array[], target: Float64Array): Float64Array {
  const x = Float64Array.from(target);
  for (let i = 0; i < x.length; i += 1) {
    for (let k = 0; k < i; k += 1) x[i]! -= factor[i]![k]! * x[k]!;
    x[i]! /= factor[i]![i]!;
  }
  for (let i = x.length - 1; i >= 0; i -= 1) {
    for (let k = i + 1; k < x.length; k += 1) x[i]! -= factor[k]![i]! * x[k]!;
    x[i]! /= factor[i]![i]!;
  }
  return x;
}

function dot(left: Float64Array, right: Float64Array): number {
  return left.reduce((sum, value, i) => sum + value * right[i]!, 0);
}
