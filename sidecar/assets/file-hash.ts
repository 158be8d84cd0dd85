import { lstat, readFile } from "node:fs/promises";
import { SanaError } from "../errors";
import { systemErrorCode, systemErrorReason } from "../files/system-error";
import { locateAsset } from "./asset-path";
import { sha256Of } from "./lock-file";

/** The largest picture that a manifest can ask for has 256 MiB of pixels; a larger file is none of ours. */
const MAX_PICTURE_BYTES = 512 * 2 ** 20;

/** Hashes of files by path, each with what a file of that content looks like from outside. */
export type FileHashes = Map<string, { readonly stamp: string; readonly hash: string }>;

/**
 * The SHA-256 of an asset's file, undefined where there is none. What cannot be a picture, such as a folder, has the
 * hash "". A file of `known` is not read again unless its size, its times or its number have changed.
 */
export async function hashOfFile(folder: string, path: string, known?: FileHashes): Promise<string | undefined> {
  const file = locateAsset(folder, path);
  try {
    const status = await lstat(file);
    if (!status.isFile() || status.size > MAX_PICTURE_BYTES) return "";
    const stamp = [status.size, status.mtimeMs, status.ctimeMs, status.ino].join(" ");
    const earlier = known?.get(file);
    if (earlier?.stamp === stamp) return earlier.hash;
    const hash = sha256Of(await readFile(file));
    known?.set(file, { stamp, hash });
    return hash;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw new SanaError("invalid-input-file", `cannot read ${file}: ${systemErrorReason(error)}`, { cause: error });
  }
}
