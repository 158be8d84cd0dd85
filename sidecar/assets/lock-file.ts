import { createHash } from "node:crypto";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { SanaError } from "../errors";
import { readInputFile } from "../files/input-file";
import { writeOutputFiles } from "../files/output-file";
import { systemErrorCode } from "../files/system-error";
import { ASSET_PATH } from "./asset-path";

export const LOCK_NAME = "sana.assets.lock.json";

const MAX_LOCK_BYTES = 64 * 2 ** 20;

/** Raised when the same parameters would be made into other files, or the file says something else. */
const LOCK_VERSION = 1;

/** A lock file comes with the workspace and must not make anybody look elsewhere. */
const assetPath = v.pipe(v.string(), v.regex(ASSET_PATH));
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

const LockSchema = v.strictObject({
  lockfileVersion: v.literal(LOCK_VERSION),
  assets: v.record(
    v.string(),
    v.strictObject({
      /** Of everything in the manifest that decides what the files hold. */
      parameters: sha256,
      /** Of the weights that they were made with. */
      model: sha256,
      /** Of each file that was written, by the path that the manifest gives it. */
      files: v.record(assetPath, sha256),
      /** While they are being written: what they replace. A file of either hash was made by this program. */
      previous: v.optional(v.record(assetPath, sha256)),
    }),
  ),
});

/** What was made, by the path of the asset. */
export type Lock = ReadonlyMap<string, LockEntry>;
export type LockEntry = v.InferOutput<typeof LockSchema>["assets"][string];

/** The lock file of a folder, empty where there is none. Throws `invalid-input-file` for one that is damaged. */
export async function readLock(folder: string): Promise<Lock> {
  const file = join(folder, LOCK_NAME);
  if (!(await exists(file))) return new Map();
  const bytes = await readInputFile(file, { maxBytes: MAX_LOCK_BYTES });
  try {
    const contents = v.parse(LockSchema, JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)));
    return new Map(Object.entries(contents.assets));
  } catch (error) {
    const advice = "is it in the middle of a merge? Delete it to build all assets anew";
    throw new SanaError("invalid-input-file", `${file} is damaged; ${advice}`, { cause: error });
  }
}

/** Writes the lock file whole, in the order of the paths, so that version control shows what changed and no more. */
export async function writeLock(folder: string, lock: Lock): Promise<void> {
  const byName = <Value>(entries: Iterable<readonly [string, Value]>): Record<string, Value> =>
    Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
  const assets = byName(
    [...lock].map(([path, entry]) => [path, { ...entry, files: byName(Object.entries(entry.files)) }]),
  );
  const text = `${JSON.stringify({ lockfileVersion: LOCK_VERSION, assets }, null, 2)}\n`;
  await writeOutputFiles([{ path: join(folder, LOCK_NAME), bytes: Buffer.from(text), ifExists: "replace" }]);
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    // Whatever else is wrong is said by whoever reads it.
    return systemErrorCode(error) !== "ENOENT";
  }
}

export function sha256Of(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
