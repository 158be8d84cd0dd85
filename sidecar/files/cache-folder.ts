import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { devNull, homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { writeOutputFiles } from "./output-file";
import { removeAbandonedFiles } from "./temporary-file";

/** Where what was computed once is kept between runs: the platform's cache folder. It need not exist yet. */
export function cacheFolder(): string {
  return join(platformCacheFolder() ?? devNull, "sana-vscode");
}

/** Undefined where there is none, as for a user without a home folder: nothing is kept then. */
function platformCacheFolder(): string | undefined {
  const { XDG_CACHE_HOME: xdg, LOCALAPPDATA: local } = process.env;
  const home = homeFolder();
  const candidates =
    process.platform === "win32"
      ? [local, join(home, "AppData", "Local")]
      : process.platform === "darwin"
        ? [join(home, "Library", "Caches")]
        : // A relative path is to be ignored, says the XDG Base Directory Specification.
          [xdg, join(home, ".cache")];
  return candidates.find((folder) => folder !== undefined && isAbsolute(folder));
}

function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return "";
  }
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
    await removeAbandonedFiles(cacheFolder());
    await writeOutputFiles([{ path: join(cacheFolder(), name), bytes, ifExists: "replace" }]);
  } catch {
    return;
  }
}

/** Removes what a process that has ended, or is about to, was writing into the cache and the folders in it. */
export async function cleanCache({ ended }: { ended: number }): Promise<void> {
  const entries = await readdir(cacheFolder(), { withFileTypes: true }).catch(() => []);
  const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(cacheFolder(), name));
  for (const folder of [cacheFolder(), ...folders]) await removeAbandonedFiles(folder, { ended });
}
