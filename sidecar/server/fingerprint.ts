import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { SanaError } from "../errors";
import { systemErrorReason } from "../files/system-error";

/**
 * Changes whenever a file of a checkpoint does: names, sizes and modification times of all files in the folder and one
 * level below. Throws `invalid-checkpoint` where the folder cannot be read.
 */
export async function fingerprintOf(folder: string): Promise<string> {
  try {
    const parts: string[] = [];
    for (const name of (await readdir(folder)).sort()) {
      const path = join(folder, name);
      const status = await stat(path);
      if (status.isDirectory()) {
        for (const inner of (await readdir(path)).sort()) parts.push(await fileState(join(path, inner)));
      } else {
        parts.push(await fileState(path));
      }
    }
    return parts.join("\n");
  } catch (error) {
    throw new SanaError("invalid-checkpoint", `cannot read ${folder}: ${systemErrorReason(error)}`, { cause: error });
  }
}

async function fileState(path: string): Promise<string> {
  const { size, mtimeMs, ino } = await stat(path);
  return `${path} ${size} ${mtimeMs} ${ino}`;
}
