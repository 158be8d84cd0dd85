import { readFile, stat } from "node:fs/promises";
import { SanaError } from "../errors";
import { systemErrorReason } from "./system-error";

/** Far above any PNG of the sizes that models know; keeps a mistaken path from being read into memory. */
export const MAX_IMAGE_FILE_BYTES = 512 * 2 ** 20;

/**
 * Reads a whole file that a user named. Only regular files are read, because a pipe or a device may never end, and only
 * up to `maxBytes`.
 * Throws "invalid-input-file" naming the file when it is missing, a folder, unreadable or too large.
 */
export async function readInputFile(path: string, { maxBytes }: { maxBytes: number }): Promise<Uint8Array> {
  try {
    const status = await stat(path);
    if (!status.isFile()) throw unreadable(path, status.isDirectory() ? "it is a folder" : "it is not a regular file");
    if (status.size > maxBytes)
      throw unreadable(path, `its ${status.size} bytes are more than the ${maxBytes} allowed`);
    return await readFile(path);
  } catch (error) {
    throw error instanceof SanaError ? error : unreadable(path, systemErrorReason(error));
  }
}

function unreadable(path: string, reason: string): SanaError {
  return new SanaError("invalid-input-file", `cannot read ${path}: ${reason}`);
}
