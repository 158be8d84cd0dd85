import { invalidPng, readPngChunks, writePngChunk } from "./png-chunks";

/** Signature and header, which the standard wants first; a text before the pixels is found without reading them. */
const AFTER_HEADER = 33;

/** What stands between keyword and text: not compressed, method 0, empty language, empty translated keyword. */
const PLAIN_TEXT_FIELDS = "\0\0\0\0\0";

/**
 * Adds an iTXt chunk, the PNG standard's UTF-8 text, behind the header of a PNG as `encodePng` writes it.
 * `keyword` has 1 to 79 Latin-1 characters; `text` may be any but must not hold U+0000, which the standard forbids.
 */
export function writeInternationalText(png: Uint8Array, keyword: string, text: string): Uint8Array {
  const data = Buffer.concat([Buffer.from(keyword + PLAIN_TEXT_FIELDS, "latin1"), Buffer.from(text, "utf8")]);
  return Buffer.concat([png.subarray(0, AFTER_HEADER), writePngChunk("iTXt", data), png.subarray(AFTER_HEADER)]);
}

/**
 * The text of the first uncompressed iTXt chunk with this keyword, undefined where there is none.
 * Throws "invalid-input-file" naming `file` for a damaged PNG, a text over `maxBytes`, and bytes that are not UTF-8.
 */
export function readInternationalText(
  png: Uint8Array,
  { keyword, maxBytes, file }: { keyword: string; maxBytes: number; file: string },
): string | undefined {
  const start = Buffer.from(keyword + "\0\0", "latin1");
  let text: string | undefined;
  // All chunks are read, so that a file damaged further on is not reported as intact.
  for (const { type, data } of readPngChunks(png, file)) {
    if (type !== "iTXt" || text !== undefined || !start.equals(data.subarray(0, start.length))) continue;
    // Language and translated keyword, which another program may have filled in, each end with a zero byte.
    const languageEnd = data.indexOf(0, start.length + 1);
    const translationEnd = languageEnd < 0 ? -1 : data.indexOf(0, languageEnd + 1);
    if (translationEnd < 0) throw invalidPng(file, `its text "${keyword}" is malformed`);
    text = decodeText(data.subarray(translationEnd + 1), { keyword, maxBytes, file });
  }
  return text;
}

function decodeText(
  bytes: Uint8Array,
  { keyword, maxBytes, file }: { keyword: string; maxBytes: number; file: string },
): string {
  if (bytes.length > maxBytes) {
    throw invalidPng(file, `its text "${keyword}" has ${bytes.length} bytes, more than the ${maxBytes} allowed`);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalidPng(file, `its text "${keyword}" is not UTF-8`);
  }
}
