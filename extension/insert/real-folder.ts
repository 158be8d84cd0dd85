import { realpath } from "node:fs/promises";
import { dirname, relative, isAbsolute, sep } from "node:path";

/** Whether a file that may not exist yet would really lie in the folder, symbolic links followed. */
export async function isReallyInside(path: string, folder: string): Promise<boolean> {
  const [real, realFolder] = await Promise.all([realAncestor(dirname(path)), realAncestor(folder)]);
  const way = relative(realFolder, real);
  return way === "" || !(way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way));
}

/** The real path of the nearest folder above that exists. */
async function realAncestor(folder: string): Promise<string> {
  try {
    return await realpath(folder);
  } catch (error) {
    const parent = dirname(folder);
    if (parent === folder) throw error;
    return realAncestor(parent);
  }
}
