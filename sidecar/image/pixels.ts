import type { FloatTensor } from "../tensor/float-tensor";

/** An 8-bit picture: rows from the top, each pixel as red, green, blue. `data.length` is 3·width·height. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Adding 2^23 leaves float32 no bits below 1, so the sum is rounded to an integer, halves to even, as numpy does. */
const ROUNDING_SHIFT = 2 ** 23;

/** The 256 values of `value / 255 · 2 − 1`, rounded to float32 after the division and after the subtraction. */
const TENSOR_VALUES = Float32Array.from({ length: 256 }, (_, value) => Math.fround(value / 255) * 2 - 1);

/**
 * Turns the decoder's finite picture [1, 3, H, W] into the pixels of the file: x/2 + 0.5 clamped to [0, 1], times 255,
 * rounded half to even, every operation in float32.
 * Source: diffusers image_processor.py (denormalize, numpy_to_pil).
 */
export function tensorToRgb(image: FloatTensor): RgbImage {
  const [, , height, width] = image.dims as [number, number, number, number];
  const pixels = width * height;
  const data = new Uint8Array(3 * pixels);
  for (let channel = 0; channel < 3; channel += 1) {
    for (let pixel = 0; pixel < pixels; pixel += 1) {
      const unit = Math.fround(image.data[channel * pixels + pixel]! * 0.5 + 0.5);
      const level = Math.fround(Math.min(Math.max(unit, 0), 1) * 255);
      data[3 * pixel + channel] = Math.fround(level + ROUNDING_SHIFT) - ROUNDING_SHIFT;
    }
  }
  return { width, height, data };
}

/**
 * Turns a picture into the encoder's input [1, 3, H, W] in [−1, 1], with the float32 roundings of the reference.
 * Source: diffusers image_processor.py (pil_to_numpy, normalize).
 */
export function rgbToTensor({ width, height, data: rgb }: RgbImage): FloatTensor {
  const pixels = width * height;
  const data = new Float32Array(3 * pixels);
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      data[channel * pixels + pixel] = TENSOR_VALUES[rgb[3 * pixel + channel]!]!;
    }
  }
  return { data, dims: [1, 3, height, width] };
}
