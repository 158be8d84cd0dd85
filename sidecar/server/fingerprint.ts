import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { componentFolder, openCheckpoint } from "../checkpoint/diffusers-layout";
import { SanaError } from "../errors";
import { systemErrorReason } from "../files/system-error";

/**
 * Changes whenever a file of a checkpoint does: names, sizes and modification times of all files in the folder and one
 * level below, and of the components that it shares. Throws `invalid-checkpoint` where one cannot be read or the folder
 * is no checkpoint.
 */
export async function fingerprintOf(folder: string): Promise<string> {
  const checkpoint = await openCheckpoint(folder);
  try {
    const parts: string[] = [];
    for (const name of (await readdir(folder)).sort()) {
      const path = join(folder, name);
      const status = await stat(path);
      parts.push(...(status.isDirectory() ? await fileStates(path) : [await fileState(path)]));
    }
    for (const component of checkpoint.shared) {
      parts.push(...(await fileStates(componentFolder(checkpoint, component))));
    }
    return parts.join("\n");
  } catch (error) {
    throw new SanaError("invalid-checkpoint", `cannot read ${folder}: ${systemErrorReason(error)}`, { cause: error });
  }
}

async function fileStates(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map((name) => fileState(join(folder, name))));
}

async function fileState(path: string): Promise<string> {
  const { size, mtimeMs, ino } = await stat(path);
  return `${path} ${size} ${mtimeMs} ${ino}`;
}
