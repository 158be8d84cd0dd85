import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { componentFolder } from "../checkpoint/diffusers-layout";
import { SanaError } from "../errors";
import { readCacheFile, writeCacheFile } from "../files/cache-folder";
import type { PreviewMatrix } from "../image/latent-preview";
import { rgbToTensor } from "../image/pixels";
import { previewFitImages } from "../image/preview-fit-images";
import { fitPreviewMatrix, parsePreviewMatrix, previewMatrixToJson, type PreviewSample } from "../image/preview-matrix";
import type { Run } from "./run";

const FILE_NAME = "preview_matrix.json";

// A hundred times what a map for 32 channels needs.
const MAX_FILE_BYTES = 2 ** 22;

const FIT_SIZE = 256;
const FIT_COUNT = 24;

/**
 * The map from a checkpoint's latents to preview colours: the checkpoint's own where it brings one, else one fitted
 * through its encoder when previews are first asked for, and kept in the cache under the hash of the weights. `notify`
 * is told before the fitting, which takes a while.
 */
export async function previewMatrixOf(run: Run, notify: (message: string) => void): Promise<PreviewMatrix> {
  const channels = run.autoencoder.latentChannels;
  // The map belongs to the autoencoder and lies beside it.
  const own = join(dirname(componentFolder(run.checkpoint, "vae")), FILE_NAME);
  const text = await readOptional(own);
  if (text !== null) {
    const matrix = parsePreviewMatrix(text, channels);
    if (matrix !== undefined) return matrix;
    throw new SanaError("invalid-checkpoint", `${own}: not a preview matrix for ${channels} latent channels`);
  }
  const cacheName = `preview-${run.parameters.modelHash}.json`;
  const cached = await readCacheFile(cacheName, { maxBytes: MAX_FILE_BYTES });
  const known = cached === undefined ? undefined : parsePreviewMatrix(Buffer.from(cached).toString(), channels);
  if (known !== undefined) return known;

  notify("fitting this checkpoint's previews (once)");
  const matrix = await fitThroughEncoder(run);
  await writeCacheFile(cacheName, Buffer.from(previewMatrixToJson(matrix)));
  return matrix;
}

async function fitThroughEncoder(run: Run): Promise<PreviewMatrix> {
  const encoder = await run.models.encoder();
  try {
    const samples: PreviewSample[] = [];
    for (const image of previewFitImages(FIT_SIZE, FIT_COUNT)) {
      const { data, dims } = await encoder.run(rgbToTensor(image));
      const latents = { data: data.map((value) => value * run.autoencoder.scalingFactor), dims };
      samples.push({ image, latents });
    }
    return fitPreviewMatrix(samples);
  } finally {
    await encoder.release();
  }
}

async function readOptional(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return null;
  }
}
