import { link, lstat, open, realpath, rename, unlink } from "node:fs/promises";
import { basename, dirname, join, parse, resolve, sep } from "node:path";
import { SanaError } from "../errors";
import { removeAbandonedFiles, temporaryName } from "./temporary-file";
import { systemErrorCode, systemErrorReason } from "./system-error";

/**
 * What happens where the file exists: `refuse` fails, `replace` puts the new file in its place, `number` writes
 * name-2.png, name-3.png … beside it.
 */
export type IfExists = "refuse" | "replace" | "number";

/** Where a file is to be written. `path` may be relative. */
export interface OutputTarget {
  readonly path: string;
  readonly ifExists: IfExists;
}

/** A file to be written whole. */
export interface OutputFile extends OutputTarget {
  readonly bytes: Uint8Array;
}

/** Enough for any folder of pictures; it ends the search on a file system that says yes to every question. */
const MAX_NUMBER = 100_000;

/** Codes with which file systems without hard links (FAT, some network shares) answer a request for one. */
const NO_HARD_LINKS = new Set(["EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EXDEV", "EINVAL"]);

/**
 * Checks before any work is done that files can be written to all targets later: the folder exists and a file can be
 * made in it (tried, and removed again), the target is free or may be replaced, no target is named twice. Temporary
 * files that a process left there when it was killed are removed.
 * Symbolic links, folders and devices are never replaced: writing through a link could change a file elsewhere.
 * Throws "output-failed" naming the path. What passes here can still fail later, when the disk fills up meanwhile.
 */
export async function checkOutputTargets(targets: readonly OutputTarget[]): Promise<void> {
  const seen = new Set<string>();
  const tried = new Set<string>();
  for (const target of targets) {
    await checkTarget(target);
    const folder = resolve(dirname(target.path));
    if (!tried.has(folder)) {
      await removeQuietly(await stage(target.path, new Uint8Array(0)));
      await removeAbandonedFiles(folder);
    }
    tried.add(folder);
    // Two paths may lead to the same folder, which exists for certain by now.
    const place = join(await realpath(folder), basename(target.path));
    if (seen.has(place)) throw outputFailed(target.path, "it is named for two outputs");
    seen.add(place);
  }
}

/**
 * Writes files so that each appears whole or not at all: first all of them to temporary files beside their targets,
 * synced to the disk, then each is moved into place. Until that moment an existing file is untouched, and without
 * `replace` no file is ever replaced, whoever else writes at the same time. When anything fails, what was written is
 * removed again; only a file that had been replaced by then stays.
 * Returns the path of each file, which `number` may have changed. Throws "output-failed" naming the path and the reason.
 */
export async function writeOutputFiles(files: readonly OutputFile[]): Promise<string[]> {
  const staged: string[] = [];
  const created: string[] = [];
  try {
    for (const file of files) {
      await checkTarget(file);
      staged.push(await stage(file.path, file.bytes));
    }
    const paths: string[] = [];
    for (const [i, file] of files.entries()) {
      const path = await publish(staged[i]!, file);
      if (file.ifExists !== "replace") created.push(path);
      paths.push(path);
    }
    return paths;
  } catch (error) {
    await Promise.all(created.map(removeQuietly));
    throw error;
  } finally {
    await Promise.all(staged.map(removeQuietly));
  }
}

async function checkTarget({ path, ifExists }: OutputTarget): Promise<void> {
  if (path === "" || path.endsWith("/") || path.endsWith(sep) || path.includes("\0"))
    throw outputFailed(path, "it does not name a file");
  try {
    const status = await lstat(path);
    if (ifExists === "number") return;
    if (status.isDirectory()) throw outputFailed(path, "it is a folder");
    if (status.isSymbolicLink()) throw outputFailed(path, "it is a symbolic link; give the path of the file itself");
    if (!status.isFile()) throw outputFailed(path, "it is not a regular file");
    if (ifExists === "refuse") throw outputFailed(path, "it exists already; overwriting was not asked for");
  } catch (error) {
    if (error instanceof SanaError) throw error;
    if (systemErrorCode(error) !== "ENOENT") throw outputFailed(path, systemErrorReason(error));
  }
}

/** Writes the bytes to a new file with an unpredictable name in the folder of `path`, down to the disk. */
async function stage(path: string, bytes: Uint8Array): Promise<string> {
  const temporary = join(dirname(path), temporaryName());
  try {
    const handle = await open(temporary, "wx");
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await removeQuietly(temporary);
    const hasNoPlace = systemErrorCode(error) === "ENOENT";
    throw outputFailed(
      path,
      hasNoPlace ? `the folder ${dirname(path)} does not exist or takes no new files` : systemErrorReason(error),
    );
  }
  return temporary;
}

async function publish(temporary: string, { path, ifExists }: OutputTarget): Promise<string> {
  try {
    if (ifExists === "replace") {
      await rename(temporary, path);
      return path;
    }
    if (await moveToFreeName(temporary, path)) return path;
    if (ifExists === "number") {
      for (let number = 2; number <= MAX_NUMBER; number += 1) {
        const { name, ext } = parse(path);
        const numbered = join(dirname(path), `${name}-${number}${ext}`);
        if (await moveToFreeName(temporary, numbered)) return numbered;
      }
    }
  } catch (error) {
    throw outputFailed(path, systemErrorReason(error));
  }
  throw outputFailed(path, ifExists === "number" ? `${MAX_NUMBER} files of that name exist` : "it exists already");
}

/** Gives the file its name unless something has that name, in one step that nobody can come between. */
async function moveToFreeName(temporary: string, path: string): Promise<boolean> {
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    const code = systemErrorCode(error) ?? "";
    if (code === "EEXIST") return false;
    if (!NO_HARD_LINKS.has(code)) throw error;
  }
  return renameToFreeName(temporary, path);
}

/** The same without hard links: the name is taken by an empty file first, which the rename then replaces. */
async function renameToFreeName(temporary: string, path: string): Promise<boolean> {
  try {
    await (await open(path, "wx")).close();
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") return false;
    throw error;
  }
  try {
    await rename(temporary, path);
  } catch (error) {
    await removeQuietly(path);
    throw error;
  }
  return true;
}

/** Cleaning up after another failure, or after success: the file may be gone, and its error would hide the first one. */
async function removeQuietly(path: string): Promise<void> {
  await unlink(path).catch(() => undefined);
}

function outputFailed(path: string, reason: string): SanaError {
  return new SanaError("output-failed", `cannot write ${path === "" ? '""' : path}: ${reason}`);
}
