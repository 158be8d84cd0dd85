import encode, { init } from "@jsquash/jpeg/encode.js";
import encoder from "@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm";
import { toRgba } from "./rgba";
import type { RgbImage } from "./pixels";

/** Of 100: pictures with hard edges, such as icons, show blocks below it. */
const QUALITY = 85;

let ready: Promise<unknown> | undefined;

/** Encodes a picture as progressive JPEG: the same pixels give the same bytes. */
export async function encodeJpeg(image: RgbImage): Promise<Uint8Array> {
  ready ??= init({ wasmBinary: encoder.buffer });
  await ready;
  const { width, height, data } = toRgba(image);
  const pixels = new Uint8ClampedArray(data.buffer, data.byteOffset, data.byteLength);
  return new Uint8Array(await encode({ width, height, data: pixels, colorSpace: "srgb" }, { quality: QUALITY }));
}
