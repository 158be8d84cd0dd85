import { randomBytes } from "node:crypto";
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { Form, withModel } from "./panel-messages";

const StoredPicture = v.object({
  version: v.literal(1),
  id: v.string(),
  form: Form,
  modelName: v.string(),
  seconds: v.number(),
  notices: v.array(v.string()),
});
export type StoredPicture = Omit<v.InferOutput<typeof StoredPicture>, "version">;

/**
 * The pictures that the panel made, in a folder of the workspace's storage: `ID.png` and, beside it, `ID.json` with how
 * it was made. Each record is a file of its own that appears whole or not at all: two windows cannot overwrite each
 * other's, and a broken one loses one picture only. IDs sort by time.
 */
export class PictureLibrary {
  private lastTime = 0;

  constructor(readonly folder: string) {}

  /** Later than all before it, also within a millisecond. */
  newId(): string {
    this.lastTime = Math.max(Date.now(), this.lastTime + 1);
    return `${new Date(this.lastTime).toISOString().replace(/[^0-9]/g, "")}-${randomBytes(3).toString("hex")}`;
  }

  /** Where the picture of that ID lies or will lie. */
  pathOf(id: string): string {
    return join(this.folder, `${id}.png`);
  }

  async prepare(): Promise<void> {
    await mkdir(this.folder, { recursive: true });
  }

  /** The newest pictures first, at most `limit`. What has no file or no readable record is left out. */
  async list(limit: number): Promise<StoredPicture[]> {
    const names = await readdir(this.folder).catch(() => []);
    const ids = names.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -".json".length));
    const newest = ids.sort().reverse().slice(0, limit);
    const records = await Promise.all(newest.map((id) => this.read(id)));
    return records.filter((record) => record !== null);
  }

  /** Writes the record of a picture whose file is there. */
  async add(picture: StoredPicture): Promise<void> {
    const path = this.recordOf(picture.id);
    const temporary = `${path}.${process.pid}.tmp`;
    try {
      await writeFile(temporary, JSON.stringify({ version: 1, ...picture }));
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }

  /** Forgets the picture; its file is the caller's to delete. */
  async forget(id: string): Promise<void> {
    await rm(this.recordOf(id), { force: true });
  }

  private async read(id: string): Promise<StoredPicture | null> {
    try {
      const record = v.parse(StoredPicture, JSON.parse(await readFile(this.recordOf(id), "utf8")));
      await stat(this.pathOf(id));
      return record.id === id ? { ...record, form: withModel(record.form, null) } : null;
    } catch {
      return null;
    }
  }

  private recordOf(id: string): string {
    return join(this.folder, `${id}.json`);
  }
}
