/** A tensor as it lies on disk. `offset` counts from the start of `file`, an absolute path without symbolic links. */
export interface StoredTensor {
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  readonly file: string;
  readonly offset: number;
  readonly byteLength: number;
}

export type StoredDtype = "F32" | "F16" | "BF16" | "F64" | "I8" | "U8" | "I16" | "I32" | "I64" | "BOOL";

/**
 * How a component's weights may be stored other than as plain floats (our own extension of the layout, described in
 * the component's config.json under `sana_quantization`):
 * - `int8-rows`: NAME is I8 of the layer's shape, NAME.scale is F32 or F16 with one value per output row (first axis);
 *   w = q · scale[row].
 * - `int4-blocks`: NAME is U8 [rows, columns / 2], low nibble first; NAME.scale is F32 or F16 [rows, columns / 32];
 *   w = (q − 8) · scale[row, column // 32]. Only for matrices whose columns are a multiple of 32.
 * Which of them a tensor uses follows from its dtype: I8, U8, or a float.
 */
export const QUANTIZATION_BLOCK = 32;

/** All tensors of one component (one or several safetensors files), by name. Plain data, no file is open. */
export interface WeightDirectory {
  /** The component's folder, for messages. */
  readonly folder: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}
