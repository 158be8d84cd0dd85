import { crc32, deflateSync } from "node:zlib";

const SIGNATURE = Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** One chunk of a PNG with its length and a checksum that is right. */
export function pngChunk(type: string, data: Uint8Array): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, "latin1");
  chunk.set(data, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}

/** The header of an 8-bit RGB picture, with any field set to something else. */
export function pngHeader(fields: {
  width: number;
  height: number;
  depth?: number;
  colorType?: number;
  interlace?: number;
}): Buffer {
  const { width, height, depth = 8, colorType = 2, interlace = 0 } = fields;
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([depth, colorType, 0, 0, interlace], 8);
  return pngChunk("IHDR", data);
}

/** A whole PNG file of the given chunks, which are followed by the end mark. */
export function pngFile(...chunks: readonly Uint8Array[]): Buffer {
  return Buffer.concat([SIGNATURE, ...chunks, pngChunk("IEND", new Uint8Array())]);
}

/** A grey RGB picture of any size; `rows` may be more or fewer than its header says. */
export function greyPng(width: number, height: number, rows = height): Buffer {
  const pixels = Buffer.alloc(rows * (1 + 3 * width), 128);
  // Each row begins with the number of its filter.
  for (let row = 0; row < rows; row += 1) pixels[row * (1 + 3 * width)] = 0;
  return pngFile(pngHeader({ width, height }), pngChunk("IDAT", deflateSync(pixels)));
}
