import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Form } from "./panel-messages";
import { parametersOf, type JobSurroundings } from "./panel-jobs";

/** What the live picture needs from around it. */
export interface LiveSurroundings {
  readonly make: JobSurroundings["make"];
  /** The picture as far as it is, a PNG in base64; `finished` once it is whole. */
  show(png: string, finished: boolean): void;
  failed(error: unknown): void;
}

/** The picture that follows the typing: one at a time, of the latest form, kept nowhere. */
export class LivePicture {
  private running: AbortController | undefined;

  constructor(private readonly around: LiveSurroundings) {}

  /** Makes this form's picture in place of the one before, which is given up if it is not finished. */
  async follow(form: Form): Promise<void> {
    this.stop();
    const { signal } = (this.running = new AbortController());
    let folder: string | undefined;
    try {
      folder = await mkdtemp(join(tmpdir(), "sana-live-"));
      const path = join(folder, "live.png");
      const params = { ...parametersOf(form, path), metadata: false };
      const onPreview = (png: string): void => {
        if (!signal.aborted) this.around.show(png, false);
      };
      await this.around.make(params, { onProgress: () => undefined, onPreview }, signal);
      const png = await readFile(path, "base64");
      if (!signal.aborted) this.around.show(png, true);
    } catch (error) {
      if (!signal.aborted) this.around.failed(error);
    } finally {
      if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    }
  }

  /** Gives up the picture that is being made, if one is. */
  stop(): void {
    this.running?.abort();
  }
}
