import { QUANTIZATION_BLOCK } from "./weights";

/** Integers as they are stored, and the float32 scales that go with them (see weights.ts). */
interface Quantized {
  readonly data: Int8Array | Uint8Array;
  readonly scales: Float32Array;
}

/** `int8-rows`: each row's largest magnitude becomes 127. Rounding error at most scale / 2. */
export function quantizeRows(values: Float32Array, columns: number): Quantized {
  const data = new Int8Array(values.length);
  const scales = new Float32Array(values.length / columns);
  for (let row = 0; row < scales.length; row += 1) {
    const [start, end] = [row * columns, (row + 1) * columns];
    let largest = 0;
    for (let i = start; i < end; i += 1) largest = Math.max(largest, Math.abs(values[i]!));
    const scale = Math.fround(largest / 127);
    scales[row] = scale;
    if (scale === 0) continue;
    const factor = 1 / scale;
    // The stored scale is rounded, so that the largest magnitude may come out a hair above 127.
    for (let i = start; i < end; i += 1) data[i] = Math.max(-127, Math.min(127, Math.round(values[i]! * factor)));
  }
  return { data, scales };
}

/**
 * `int4-blocks`: the number of the largest magnitude in each block becomes −8, the end of the range that has one step
 * more. Rounding error at most one scale, which only numbers of nearly that magnitude and of the other sign reach.
 */
export function quantizeBlocks(values: Float32Array): Quantized {
  const data = new Uint8Array(values.length / 2);
  const scales = new Float32Array(values.length / QUANTIZATION_BLOCK);
  for (let block = 0; block < scales.length; block += 1) {
    const start = block * QUANTIZATION_BLOCK;
    let largest = 0;
    for (let i = start; i < start + QUANTIZATION_BLOCK; i += 1) {
      if (Math.abs(values[i]!) > Math.abs(largest)) largest = values[i]!;
    }
    const scale = largest === 0 ? 0 : Math.fround(largest / -8);
    scales[block] = scale;
    const factor = scale === 0 ? 0 : 1 / scale;
    for (let i = start; i < start + QUANTIZATION_BLOCK; i += 2) {
      data[i / 2] = nibble(values[i]! * factor) | (nibble(values[i + 1]! * factor) << 4);
    }
  }
  return { data, scales };
}

function nibble(value: number): number {
  return Math.max(0, Math.min(15, Math.round(value) + 8));
}
