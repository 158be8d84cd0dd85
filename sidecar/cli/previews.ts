import { lstat, mkdir, rmdir, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { checkOutputTargets, writeOutputFiles, type OutputTarget } from "../files/output-file";
import { previewMatrixOf } from "../generation/preview-matrix";
import type { Run } from "../generation/run";
import { renderPreview } from "../image/latent-preview";
import { encodePng } from "../image/png-encoder";
import type { FloatTensor } from "../tensor/float-tensor";
import { outputTarget, type CommonOptions } from "./common-options";

/** Longest side of a preview in pixels. */
const PREVIEW_SIDE = 128;

export interface PreviewWriter {
  /** Writes the preview of one step (1 …) from the predicted clean latents [1, C, h, w]. */
  write(step: number, predictedClean: FloatTensor): Promise<void>;
  /** Removes what it has added, for a picture that was not finished. Files that it replaced stay. */
  discard(): Promise<void>;
}

/**
 * Previews go to `folder` as step-01.png, step-02.png …; where it does not exist, it is made when the first one is
 * written, so that a refusal leaves nothing behind.
 */
export async function openPreviews(
  folder: string,
  options: Pick<CommonOptions, "overwrite"> & { run: Run },
): Promise<PreviewWriter> {
  const { run } = options;
  const digits = Math.max(2, String(run.stepCount).length);
  const targetOf = (step: number): OutputTarget =>
    outputTarget(join(folder, `step-${String(step).padStart(digits, "0")}.png`), options);
  if (await exists(folder)) {
    await checkOutputTargets(Array.from({ length: run.stepCount }, (_, i) => targetOf(i + 1)));
  } else {
    // Whether the folder could be made: asked of its parent with a name of the same kind.
    await checkOutputTargets([outputTarget(join(dirname(folder), `${basename(folder)}.png`), { overwrite: true })]);
  }
  const matrix = await previewMatrixOf(run, (message) => process.stderr.write(`sana: ${message}\n`));
  const added: string[] = [];
  let madeFolder = false;
  return {
    write: async (step, predictedClean) => {
      if ((await mkdir(folder, { recursive: true })) !== undefined) madeFolder = true;
      const bytes = encodePng(renderPreview(predictedClean, { matrix, longestSide: PREVIEW_SIDE }));
      const target = targetOf(step);
      const isNew = !(await exists(target.path));
      await writeOutputFiles([{ ...target, bytes }]);
      if (isNew) added.push(target.path);
    },
    discard: async () => {
      await Promise.allSettled(added.map((path) => unlink(path)));
      // Others may have put something into it meanwhile; then it stays.
      if (madeFolder) await rmdir(folder).catch(() => undefined);
    },
  };
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}
