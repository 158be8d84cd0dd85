import { inflateSync } from "node:zlib";
import { PNG } from "pngjs";
import type { RgbImage } from "./pixels";
import { invalidPng, PNG_SIGNATURE, readPngChunks, writePngChunk } from "./png-chunks";

/**
 * Four times the area of the largest picture that Sana draws (4096×4096). Decoding so many takes about 1.5 GiB as 8-bit
 * RGBA and 2.8 GiB as 16-bit RGBA.
 */
const MAX_PIXELS = 2 ** 26;
/** Keeps a picture one pixel high from making resize tables of gigabytes. */
const MAX_SIDE = 2 ** 15;
/** Bytes that the decompressor hands over at a time; its default of 16 KiB is slow for megabytes. */
const INFLATE_BLOCK = 2 ** 18;

interface PngHeader {
  /** The 13 bytes that the other fields are read from. */
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** Bits per sample: 1, 2, 4, 8 or 16. */
  readonly depth: number;
  /** Samples per pixel; a palette index is one sample. */
  readonly channels: number;
  readonly usesPalette: boolean;
  readonly interlaced: boolean;
}

/** A picture that is stored as a whole: every `dx`-th column from `x` on and every `dy`-th row from `y` on. */
interface Pass {
  readonly x: number;
  readonly y: number;
  readonly dx: number;
  readonly dy: number;
}

const WHOLE_PICTURE: readonly Pass[] = [{ x: 0, y: 0, dx: 1, dy: 1 }];
const ADAM7: readonly Pass[] = [
  { x: 0, y: 0, dx: 8, dy: 8 },
  { x: 4, y: 0, dx: 8, dy: 8 },
  { x: 0, y: 4, dx: 4, dy: 8 },
  { x: 2, y: 0, dx: 4, dy: 4 },
  { x: 0, y: 2, dx: 2, dy: 4 },
  { x: 1, y: 0, dx: 2, dy: 2 },
  { x: 0, y: 1, dx: 1, dy: 2 },
];

/** Samples per pixel and allowed depths of each colour type. */
const COLOR_TYPES = new Map([
  [0, { channels: 1, depths: [1, 2, 4, 8, 16] }],
  [2, { channels: 3, depths: [8, 16] }],
  [3, { channels: 1, depths: [1, 2, 4, 8] }],
  [4, { channels: 2, depths: [8, 16] }],
  [6, { channels: 4, depths: [8, 16] }],
]);

/**
 * Decodes any PNG to 8-bit RGB: grey and palettes are expanded, transparency is dropped (not blended with anything), of
 * 16-bit samples the high byte is kept, interlaced pictures are put together. Colour profiles are ignored, as Pillow
 * does. `file` is the name for error messages.
 *
 * The pixels are read by pngjs, which believes what a file declares. So everything it relies on is checked before: each
 * chunk, the size before anything of that size is allocated, and by inflating up to that size the amount of pixels.
 * Throws "invalid-input-file" for anything that is not an intact PNG within the limits.
 * Source: W3C PNG (Third Edition).
 */
export function decodePng(png: Uint8Array, file: string): RgbImage {
  let header: PngHeader | undefined;
  let palette: Uint8Array | undefined;
  // One buffer instead of a list: a file can hold millions of one-byte chunks.
  const compressed = new Uint8Array(png.length);
  let compressedLength = 0;
  for (const { type, data } of readPngChunks(png, file)) {
    if (type === "IHDR") {
      if (header !== undefined) throw invalidPng(file, "it has two headers");
      header = parseHeader(data, file);
    } else if (type === "PLTE") {
      if (data.length === 0 || data.length % 3 !== 0 || data.length > 3 * 256) {
        throw invalidPng(file, `its palette has ${data.length} bytes, not three for each of 1 to 256 colours`);
      }
      palette = data;
    } else if (type === "IDAT") {
      compressed.set(data, compressedLength);
      compressedLength += data.length;
    } else if (type !== "IEND" && /^[A-Z]/.test(type)) {
      // An upper-case first letter marks a chunk without which the picture cannot be shown.
      throw invalidPng(file, `it needs ${type}, which is not part of the PNG standard`);
    }
  }
  if (header === undefined || compressedLength === 0) throw invalidPng(file, "it holds no pixels (IDAT)");
  if (header.usesPalette && palette === undefined) throw invalidPng(file, "its palette (PLTE) is missing");
  const pixels = compressed.subarray(0, compressedLength);
  checkPixelLength(pixels, header, file);
  return decodePixels(pixels, { header, palette: header.usesPalette ? palette : undefined, file });
}

function parseHeader(data: Uint8Array, file: string): PngHeader {
  if (data.length !== 13) throw invalidPng(file, `its header has ${data.length} bytes, not 13`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, type] = [view.getUint8(8), view.getUint8(9)];
  if (width === 0 || height === 0) throw invalidPng(file, `its size is ${width}×${height}`);
  if (width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS) {
    throw invalidPng(
      file,
      `${width}×${height} is too large: at most ${MAX_SIDE} pixels a side and ${MAX_PIXELS} in all are allowed`,
    );
  }
  const colorType = COLOR_TYPES.get(type);
  if (colorType?.depths.includes(depth) !== true) {
    throw invalidPng(file, `colour type ${type} with ${depth} bits does not exist`);
  }
  if (view.getUint8(10) !== 0 || view.getUint8(11) !== 0 || view.getUint8(12) > 1) {
    throw invalidPng(file, "it uses a compression, filter or interlace method that does not exist");
  }
  return {
    data,
    width,
    height,
    depth,
    channels: colorType.channels,
    usesPalette: type === 3,
    interlaced: view.getUint8(12) === 1,
  };
}

/** Inflates the pixels and throws where they are not as many as the header says, which it determines to the byte. */
function checkPixelLength(compressed: Uint8Array, header: PngHeader, file: string): void {
  const expected = passesOf(header).reduce((sum, pass) => {
    const size = passSize(pass, header);
    return size.width === 0 ? sum : sum + size.height * (1 + rowLength(size.width, header));
  }, 0);
  let length: number;
  try {
    length = inflateSync(compressed, { maxOutputLength: expected, chunkSize: INFLATE_BLOCK }).length;
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code === "ERR_BUFFER_TOO_LARGE") throw invalidPng(file, "it holds more pixels than its size says");
    throw invalidPng(file, code === "Z_BUF_ERROR" ? "its pixels end early" : "its pixels are damaged");
  }
  if (length !== expected) throw invalidPng(file, "it holds fewer pixels than its size says");
}

function decodePixels(
  compressed: Uint8Array,
  { header, palette, file }: { header: PngHeader; palette: Uint8Array | undefined; file: string },
): RgbImage {
  const { width, height, depth } = header;
  // Without the other chunks, because pngjs would blacken transparent pixels.
  const png = Buffer.concat([
    PNG_SIGNATURE,
    writePngChunk("IHDR", header.data),
    ...(palette === undefined ? [] : [writePngChunk("PLTE", palette)]),
    writePngChunk("IDAT", compressed),
    writePngChunk("IEND", new Uint8Array(0)),
  ]);
  let rgba: ArrayLike<number>;
  try {
    // Samples of 16 bits are taken as they are, because pngjs would round them to 8 where Pillow keeps the high byte.
    rgba = PNG.sync.read(png, { skipRescale: depth === 16 }).data;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw invalidPng(file, `its pixels cannot be decoded: ${reason}`);
  }
  const shift = depth === 16 ? 8 : 0;
  const data = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from]! >> shift;
    data[to + 1] = rgba[from + 1]! >> shift;
    data[to + 2] = rgba[from + 2]! >> shift;
  }
  return { width, height, data };
}

function passesOf(header: PngHeader): readonly Pass[] {
  return header.interlaced ? ADAM7 : WHOLE_PICTURE;
}

/** How many columns and rows of the picture a pass holds; a small picture has no pixels in some passes. */
function passSize(pass: Pass, { width, height }: PngHeader): { width: number; height: number } {
  return {
    width: Math.max(Math.ceil((width - pass.x) / pass.dx), 0),
    height: Math.max(Math.ceil((height - pass.y) / pass.dy), 0),
  };
}

function rowLength(width: number, { depth, channels }: PngHeader): number {
  return Math.ceil((width * depth * channels) / 8);
}
