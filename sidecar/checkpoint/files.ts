import { open, readFile, readdir, realpath, stat } from "node:fs/promises";
import { SanaError, type ErrorCode } from "../errors";
import { parsePythonJson } from "./python-json";

/** The largest JSON of the layout, the index of a model in thousands of shards, stays far below this. */
const MAX_JSON_BYTES = 32 * 1024 * 1024;

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "does not exist",
  ENAMETOOLONG: "does not exist: the name is too long",
  ELOOP: "is a symbolic link that leads nowhere",
  EACCES: "cannot be read: permission denied",
  EPERM: "cannot be read: permission denied",
};

/** An existing regular file: `path` is absolute and free of symbolic links. */
export interface RegularFile {
  readonly path: string;
  readonly size: number;
  readonly mtimeNs: bigint;
}

/**
 * Looks a file up. Throws `code` naming `path` where it does not exist, cannot be reached, or is not a regular file:
 * a pipe or device must not even be opened, because reading it may never end.
 */
export async function regularFile(path: string, code: ErrorCode): Promise<RegularFile> {
  const resolved = await reading(path, code, () => realpath(path));
  const status = await reading(path, code, () => stat(resolved, { bigint: true }));
  if (!status.isFile()) {
    throw new SanaError(
      code,
      `${path} is ${status.isDirectory() ? "a folder" : "not a regular file"}; a file is needed`,
    );
  }
  return { path: resolved, size: Number(status.size), mtimeNs: status.mtimeNs };
}

/** Runs a file operation and turns its failure into a one-line error `code` about `path`. */
async function reading<T>(path: string, code: ErrorCode, operation: () => Promise<T>): Promise<T> {
  try {
    return await operation();
  } catch (error) {
    // Only errors of the system have a code of this kind; anything else is not about the file.
    if (!(error instanceof Error && "code" in error && typeof error.code === "string")) throw error;
    if (error instanceof SanaError) throw error;
    throw new SanaError(code, `${path} ${REASONS[error.code] ?? `cannot be read: ${error.code}`}`, { cause: error });
  }
}

/** Fills `target` with the bytes of a file from `position` on. */
export type ReadInto = (target: Uint8Array, position: number) => Promise<void>;

/**
 * Opens a file for positioned reads while `use` runs. Throws `code` naming the file where it cannot be read or ends
 * before a read does.
 */
export async function withOpenFile<T>(path: string, code: ErrorCode, use: (read: ReadInto) => Promise<T>): Promise<T> {
  return reading(path, code, async () => {
    const handle = await open(path, "r");
    try {
      return await use(async (target, position) => {
        for (let done = 0; done < target.byteLength;) {
          const { bytesRead } = await handle.read(target, done, target.byteLength - done, position + done);
          if (bytesRead === 0) throw new SanaError(code, `${path} ended at byte ${position + done}: it was truncated`);
          done += bytesRead;
        }
      });
    } finally {
      await handle.close();
    }
  });
}

/** The names of everything in a folder, sorted. Throws `invalid-checkpoint` naming the folder. */
export async function listFolder(path: string): Promise<string[]> {
  return reading(path, "invalid-checkpoint", async () => {
    if (!(await stat(path)).isDirectory()) throw new SanaError("invalid-checkpoint", `${path} is not a folder`);
    return (await readdir(path)).sort();
  });
}

/** The value of a JSON file. Throws `invalid-checkpoint` naming the file. */
export async function readJson(path: string): Promise<unknown> {
  const { size } = await regularFile(path, "invalid-checkpoint");
  if (size > MAX_JSON_BYTES) {
    throw new SanaError("invalid-checkpoint", `${path} has ${size} bytes; at most ${MAX_JSON_BYTES} are allowed`);
  }
  return parsePythonJson(await reading(path, "invalid-checkpoint", () => readFile(path)), path);
}
