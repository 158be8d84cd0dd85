import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { writeOutputFiles } from "../files/output-file";
import { removeAbandonedFiles } from "../files/temporary-file";
import type { RegularFile } from "./files";
import { parsePythonJson } from "./python-json";

/** What one pass over a weight file finds out. */
export interface FileIntegrity {
  /** SHA-256 of the file, lower-case hexadecimal. */
  readonly sha256: string;
  /** The first tensor with an infinity or NaN, in the order of the file. */
  readonly nonFiniteTensor: string | null;
}

const FILE_NAME = "weight-integrity.json";

/** Enough for hundreds of checkpoints; beyond it the oldest entries go. */
const MAX_ENTRIES = 1000;

const entrySchema = v.object({
  path: v.string(),
  size: v.number(),
  mtimeNs: v.string(),
  sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  nonFiniteTensor: v.nullable(v.string()),
});
const schema = v.object({ version: v.literal(1), files: v.array(entrySchema) });

/**
 * What earlier passes over weight files found, by path, size and modification time. A cache that is missing, damaged or
 * cannot be written is an empty one: it costs time and nothing else.
 */
export class IntegrityCache {
  private constructor(
    private readonly folder: string,
    private readonly entries: Map<string, v.InferOutput<typeof entrySchema>>,
  ) {}

  static async load(folder: string): Promise<IntegrityCache> {
    try {
      const path = join(folder, FILE_NAME);
      const { files } = v.parse(schema, parsePythonJson(await readFile(path), path));
      return new IntegrityCache(folder, new Map(files.map((entry) => [entry.path, entry])));
    } catch {
      return new IntegrityCache(folder, new Map());
    }
  }

  get({ path, size, mtimeNs }: RegularFile): FileIntegrity | undefined {
    const entry = this.entries.get(path);
    return entry?.size === size && entry.mtimeNs === String(mtimeNs) ? entry : undefined;
  }

  set({ path, size, mtimeNs }: RegularFile, integrity: FileIntegrity): void {
    // Deleted first, so that the newest entry is the last one.
    this.entries.delete(path);
    this.entries.set(path, { path, size, mtimeNs: String(mtimeNs), ...integrity });
  }

  async save(): Promise<void> {
    const files = [...this.entries.values()].slice(-MAX_ENTRIES);
    const bytes = new TextEncoder().encode(JSON.stringify({ version: 1, files }));
    try {
      await mkdir(this.folder, { recursive: true, mode: 0o700 });
      await removeAbandonedFiles(this.folder);
      await writeOutputFiles([{ path: join(this.folder, FILE_NAME), bytes, ifExists: "replace" }]);
    } catch {
      return;
    }
  }
}
