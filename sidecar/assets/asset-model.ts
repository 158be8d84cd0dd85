import { openAutoencoder, openCheckpoint, openTextEncoder, openTransformer } from "../checkpoint/diffusers-layout";
import { readGenerationDefaults } from "../checkpoint/generation-defaults";
import { checkWeights, modelHash } from "../checkpoint/weight-integrity";
import { cacheFolder } from "../files/cache-folder";
import { pictureDefaults } from "../generation/picture-defaults";
import { checkNumbers, generationSize, latentShape } from "../pipeline/request";

/** The numbers that a picture is made with. */
export interface PictureNumbers {
  readonly width: number;
  readonly height: number;
  readonly steps: number;
  readonly guidanceScale: number;
}

/** What planning needs to know of a checkpoint. */
export interface AssetModel {
  /** SHA-256 of its weights. */
  readonly hash: string;
  /** Sprint does not. */
  readonly knowsNegativePrompt: boolean;
  /** Fills in what an asset leaves to the model. Throws `invalid-parameter` for what the model cannot make. */
  readonly resolve: (numbers: Partial<Record<keyof PictureNumbers, number | undefined>>) => PictureNumbers;
}

/** Reads a checkpoint's configurations, and its weights where they were not hashed before. Loads nothing. */
export async function openAssetModel(folder: string, signal?: AbortSignal): Promise<AssetModel> {
  const checkpoint = await openCheckpoint(folder);
  const [transformer, autoencoder, textEncoder, defaults] = await Promise.all([
    openTransformer(checkpoint),
    openAutoencoder(checkpoint),
    openTextEncoder(checkpoint),
    readGenerationDefaults(checkpoint),
  ]);
  const weights = [transformer, autoencoder, textEncoder].map((component) => component.weights);
  const hash = modelHash(await checkWeights(weights, cacheFolder(), signal));
  const configs = { transformer: transformer.config, autoencoder: autoencoder.config };
  const usual = pictureDefaults(checkpoint, { defaults, transformer: transformer.config });
  return {
    hash,
    knowsNegativePrompt: checkpoint.pipeline !== "SanaSprintPipeline",
    resolve: ({ width, height, steps, guidanceScale }) => {
      const numbers = {
        width: width ?? usual.width,
        height: height ?? usual.height,
        numInferenceSteps: steps ?? usual.numInferenceSteps,
        guidanceScale: guidanceScale ?? usual.guidanceScale,
      };
      checkNumbers(numbers);
      const size = generationSize({ ...numbers, resolutionBinning: defaults.resolutionBinning }, configs.transformer);
      latentShape(size, configs);
      const { numInferenceSteps, ...rest } = numbers;
      return { ...rest, steps: numInferenceSteps };
    },
  };
}
