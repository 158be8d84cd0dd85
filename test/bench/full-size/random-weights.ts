import { closeSync, openSync, writeSync } from "node:fs";
import type { TensorShape } from "./tensors";

/** Numbers made and written at a time. */
const CHUNK = 4 * 1024 * 1024;

/**
 * Writes tensors as bfloat16 to a safetensors file of the official kind. Every value follows from its tensor's name
 * alone, so the same list gives the same bytes, and a tensor keeps its values when the list around it changes.
 */
export function writeRandomWeights(file: string, tensors: readonly TensorShape[], normCentre: number): void {
  let end = 0;
  const described = tensors.map(({ name, shape }) => {
    const begin = end;
    end += 2 * elementCount(shape);
    return [name, { dtype: "BF16", shape, data_offsets: [begin, end] }];
  });
  const text = JSON.stringify({ __metadata__: { format: "pt" }, ...Object.fromEntries(described) });
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));

  const descriptor = openSync(file, "w");
  try {
    writeAll(descriptor, length);
    writeAll(descriptor, json);
    const chunk = new Uint16Array(CHUNK);
    for (const tensor of tensors) {
      const draw = bfloat16Source(tensor, normCentre);
      for (let rest = elementCount(tensor.shape); rest > 0; rest -= CHUNK) {
        const values = chunk.subarray(0, rest);
        draw(values);
        writeAll(descriptor, new Uint8Array(values.buffer, 0, values.byteLength));
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

/** Bytes that a tensor takes in the file. */
export function storedBytes(tensor: TensorShape): number {
  return 2 * elementCount(tensor.shape);
}

function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Fills arrays with uniformly distributed bfloat16 numbers. */
function bfloat16Source(tensor: TensorShape, normCentre: number): (values: Uint16Array) => void {
  const { centre, deviation } = distribution(tensor, normCentre);
  const levels = Float32Array.from({ length: 65536 }, (_, i) => {
    return centre + deviation * Math.sqrt(3) * ((2 * i + 1) / 65536 - 1);
  });
  // Truncation instead of rounding: these are random numbers.
  const table = Uint16Array.from(new Uint32Array(levels.buffer), (bits) => bits >>> 16);
  // Xorshift needs a state that is not zero; the name's hash gives a different one to each tensor.
  let state = 0x9e3779b9;
  for (const character of tensor.name)
    state = (Math.imul(state ^ character.codePointAt(0)!, 0x01000193) ^ 0x5bd1e995) | 0;
  return (values) => {
    for (let i = 0; i < values.length; i += 2) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      values[i] = table[state & 0xffff]!;
      if (i + 1 < values.length) values[i + 1] = table[state >>> 16]!;
    }
  };
}

/** Every layer keeps the variance of what it is given, so that all activations stay finite and none dies out. */
function distribution({ name, shape }: TensorShape, normCentre: number): { centre: number; deviation: number } {
  if (name.endsWith(".bias")) return { centre: 0, deviation: 0.02 };
  if (name === "embed_tokens.weight") return { centre: 0, deviation: 1 / Math.sqrt(shape[1]!) };
  if (name.endsWith("scale_shift_table")) return { centre: 0, deviation: 1 / Math.sqrt(shape[1]!) };
  if (shape.length === 1) return { centre: normCentre, deviation: 0.1 };
  return { centre: 0, deviation: 1 / Math.sqrt(elementCount(shape.slice(1))) };
}

function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.byteLength;) done += writeSync(descriptor, bytes, done);
}
