import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GenerateParams } from "../protocol";
import { generateWith, type Workshop } from "../server/workshop";
import type { GeneratePicture } from "./build";

/** Makes the pictures of assets in a workshop, where they queue with others. */
export function assetGenerator(
  workshop: Workshop,
  compute: Pick<GenerateParams, "provider" | "precision" | "metadata">,
): GeneratePicture {
  return async ({ seed, ...picture }, { signal, onFraction }) => {
    // The files of the asset are made of it; it is nobody's file itself.
    const folder = await mkdtemp(join(tmpdir(), "sana-asset-"));
    try {
      const result = await generateWith(
        workshop,
        { ...picture, ...compute, seed: seed.toString(), output: { path: join(folder, "picture.png") } },
        {
          signal,
          onProgress: ({ fraction }) => {
            onFraction(fraction);
          },
        },
      );
      return { png: await readFile(result.path), modelHash: result.modelHash };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}
