import encode, { init } from "@jsquash/webp/encode.js";
import encoder from "@jsquash/webp/codec/enc/webp_enc_simd.wasm";
import type { RgbaImage } from "./rgba";

/** Of 100: where libwebp's own guide sees no difference in most pictures. */
const QUALITY = 85;

let ready: Promise<unknown> | undefined;

/** Encodes a picture as lossy WebP with its transparency: the same pixels give the same bytes. */
export async function encodeWebp({ width, height, data }: RgbaImage): Promise<Uint8Array> {
  // Every Node and Electron that this program runs on has the SIMD instructions that this build asks for.
  ready ??= init({ wasmBinary: encoder.buffer });
  await ready;
  const pixels = new Uint8ClampedArray(data.buffer, data.byteOffset, data.byteLength);
  return new Uint8Array(await encode({ width, height, data: pixels, colorSpace: "srgb" }, { quality: QUALITY }));
}
