import { crc32 } from "node:zlib";
import { SanaError } from "../errors";

/** One chunk of a PNG file; `data` is a view into the file's bytes. */
export interface PngChunk {
  readonly type: string;
  readonly data: Uint8Array;
}

/** The eight bytes every PNG begins with. */
export const PNG_SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);

/** What a chunk has besides its data: length, type and checksum, four bytes each. */
const CHUNK_OVERHEAD = 12;

/**
 * Yields the chunks of a PNG from the header (IHDR) to the end mark (IEND), each with its length, type and checksum
 * verified. Bytes after the end mark are ignored, as every decoder does.
 * Throws "invalid-input-file" naming `file` where the bytes are no PNG or are damaged.
 * Source: W3C PNG (Third Edition), section 5.
 */
export function* readPngChunks(png: Uint8Array, file: string): Generator<PngChunk> {
  if (png.length === 0) throw invalidPng(file, "the file is empty");
  if (png.length < PNG_SIGNATURE.length || PNG_SIGNATURE.some((byte, i) => png[i] !== byte)) {
    throw invalidPng(file, "it is not a PNG picture");
  }
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  let position = PNG_SIGNATURE.length;
  let type = "";
  while (type !== "IEND") {
    if (png.length - position < CHUNK_OVERHEAD) throw invalidPng(file, "it ends early");
    const length = view.getUint32(position);
    const typeBytes = png.subarray(position + 4, position + 8);
    const isFirst = type === "";
    type = String.fromCharCode(...typeBytes);
    if (isFirst && type !== "IHDR") throw invalidPng(file, "it does not begin with its header (IHDR)");
    if (!/^[A-Za-z]{4}$/.test(type)) throw invalidPng(file, `there is no chunk at byte ${position}`);
    if (length > png.length - position - CHUNK_OVERHEAD) throw invalidPng(file, `it ends early, within ${type}`);

    const data = png.subarray(position + 8, position + 8 + length);
    if (crc32(data, crc32(typeBytes)) !== view.getUint32(position + 8 + length)) {
      throw invalidPng(file, `the checksum of ${type} at byte ${position} is wrong, the file is damaged`);
    }
    yield { type, data };
    position += CHUNK_OVERHEAD + length;
  }
}

/** The bytes of one chunk, with length and checksum. `type` is four ASCII letters. */
export function writePngChunk(type: string, data: Uint8Array): Uint8Array {
  const chunk = Buffer.alloc(CHUNK_OVERHEAD + data.length);
  chunk.writeUInt32BE(data.length, 0);
  chunk.write(type, 4, "latin1");
  chunk.set(data, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}

/** The error for a file that should be a PNG and is not, or is one that this program cannot take. */
export function invalidPng(file: string, reason: string): SanaError {
  return new SanaError("invalid-input-file", `cannot read ${file} as a PNG: ${reason}`);
}
