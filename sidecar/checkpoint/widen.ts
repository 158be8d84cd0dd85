import type { StoredDtype } from "./weights";

export type FloatDtype = Extract<StoredDtype, "F32" | "F16" | "BF16" | "F64">;

export function isFloatDtype(dtype: StoredDtype): dtype is FloatDtype {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16" || dtype === "F64";
}

let float16Values: Float32Array | undefined;

/**
 * Little-endian floats as float32, one number for each element of `bytes`, which must start at a multiple of eight in
 * its buffer. Exact for F16 and BF16; F64 is rounded to the nearest float32.
 */
export function widenToFloat32(bytes: Uint8Array, dtype: FloatDtype): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "F64":
      return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8));
    case "BF16": {
      // bfloat16 is the upper half of a float32.
      const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
      const words = new Uint32Array(halves.length);
      for (let i = 0; i < halves.length; i += 1) words[i] = halves[i]! << 16;
      return new Float32Array(words.buffer);
    }
    case "F16": {
      float16Values ??= allFloat16Values();
      const halves = new Uint16Array(buffer, byteOffset, byteLength / 2);
      const values = new Float32Array(halves.length);
      for (let i = 0; i < halves.length; i += 1) values[i] = float16Values[halves[i]!]!;
      return values;
    }
  }
}

/** The value of each of the 65,536 bit patterns of IEEE 754 binary16. */
function allFloat16Values(): Float32Array {
  return Float32Array.from({ length: 65536 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 1023;
    if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
    // Exponent 0 marks the subnormal numbers, which have no implicit leading one.
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
}
