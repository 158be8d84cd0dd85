import { lstat, mkdir, realpath, rmdir } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { SanaError } from "../errors";
import { systemErrorCode, systemErrorReason } from "../files/system-error";

/**
 * A path as a manifest may write it, valid on every system that it may be opened on: relative, with forward slashes;
 * no part is empty, ends with a dot or space (so none is `.` or `..`), or holds a character that Windows refuses.
 */
// eslint-disable-next-line no-control-regex -- control characters are among those that are refused
export const ASSET_PATH = /^(?:[^/\\<>:"|?*\u0000-\u001f]*[^/\\<>:"|?*\u0000-\u001f. ](?:\/(?!$)|$))+$/;

/** Parts that Windows takes for devices, whatever follows a dot. */
export const DEVICE_NAME = /(?:^|\/)(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|\/|$)/i;

/** What two paths must differ in: letter case and the way accents are stored do not tell files apart everywhere. */
export function pathIdentity(path: string): string {
  return path.normalize("NFC").toLowerCase();
}

/** The absolute path of a file that a manifest in `folder`, or an agent that works there, names. */
export function locateAsset(folder: string, path: string): string {
  return join(folder, ...path.split("/"));
}

/**
 * Makes the folders that `path` asks for, and returns what removes those of them that nothing has been put into. Throws
 * like `checkAssetFolder`, and `output-failed` where a folder cannot be made.
 */
export async function prepareAssetFolder(folder: string, path: string): Promise<() => Promise<void>> {
  await checkAssetFolder(folder, path);
  const innermost = dirname(locateAsset(folder, path));
  try {
    const outermost = await mkdir(innermost, { recursive: true });
    return () => (outermost === undefined ? Promise.resolve() : removeEmptyFolders(innermost, outermost));
  } catch (error) {
    throw new SanaError("output-failed", `cannot write ${path}: ${systemErrorReason(error)}`, { cause: error });
  }
}

/** From the inner one outwards, until one holds something. */
async function removeEmptyFolders(innermost: string, outermost: string): Promise<void> {
  try {
    for (let folder = innermost; isInside(outermost, folder); folder = dirname(folder)) await rmdir(folder);
  } catch {
    // It is in use.
  }
}

/**
 * Throws `output-failed` where a symbolic link on the way to `path` leads out of `folder` or nowhere;
 * `writeOutputFiles` refuses a file that is a link itself.
 */
export async function checkAssetFolder(folder: string, path: string): Promise<void> {
  try {
    const target = await deepestExisting(dirname(locateAsset(folder, path)));
    if (isInside(await realpath(folder), target)) return;
  } catch (error) {
    throw new SanaError("output-failed", `cannot write ${path}: ${systemErrorReason(error)}`, { cause: error });
  }
  throw new SanaError("output-failed", `cannot write ${path}: a symbolic link leads out of ${folder}`);
}

/** Where the nearest folder that exists really is. */
async function deepestExisting(folder: string): Promise<string> {
  try {
    return await realpath(folder);
  } catch (error) {
    // A link that leads nowhere exists all the same, and folders would be made behind it.
    const isLink = await lstat(folder).then(
      (status) => status.isSymbolicLink(),
      () => false,
    );
    if (isLink || systemErrorCode(error) !== "ENOENT") throw error;
    return deepestExisting(dirname(folder));
  }
}

function isInside(root: string, path: string): boolean {
  const way = relative(root, path);
  return !isAbsolute(way) && way !== ".." && !way.startsWith(`..${sep}`);
}
