import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import envPaths from "env-paths";
import { writeOutputFiles } from "./output-file";

/** Where what was computed once is kept between runs: the platform's cache folder. It need not exist yet. */
export function cacheFolder(): string {
  return envPaths("sana-vscode", { suffix: "" }).cache;
}

/** A file of the cache, undefined where there is none, where it is over `maxBytes`, and where it cannot be read. */
export async function readCacheFile(name: string, { maxBytes }: { maxBytes: number }): Promise<Uint8Array | undefined> {
  const path = join(cacheFolder(), name);
  try {
    return (await stat(path)).size <= maxBytes ? await readFile(path) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Puts a file into the cache, whole or not at all. A cache that cannot be written costs time in the next run and nothing
 * else, so failures are not reported.
 */
export async function writeCacheFile(name: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(cacheFolder(), { recursive: true, mode: 0o700 });
    await writeOutputFiles([{ path: join(cacheFolder(), name), bytes, ifExists: "replace" }]);
  } catch {
    return;
  }
}
