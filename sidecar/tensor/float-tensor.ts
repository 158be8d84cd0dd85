/** A dense row-major float32 array; `data.length` is the product of `dims`. */
export interface FloatTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/** Whether every number is finite. */
export function isFiniteTensor(data: Float32Array): boolean {
  // x − x is 0 for finite numbers and NaN otherwise; one sum over it needs no branch per element.
  let sum = 0;
  for (const value of data) sum += value - value;
  return sum === 0;
}

/** How many numbers an array of that shape holds. */
export function shapeLength(dims: readonly number[]): number {
  return dims.reduce((total, size) => total * size, 1);
}
