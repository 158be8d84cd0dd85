import { openAutoencoder, openCheckpoint, openTextEncoder, openTransformer } from "../checkpoint/diffusers-layout";
import { readGenerationDefaults } from "../checkpoint/generation-defaults";
import { usesTiles, type VaeTiling } from "../pipeline/decode";
import { checkNumbers, firstStep, generationSize, latentShape, type Size } from "../pipeline/request";
import { TILE_SIZE } from "../pipeline/vae-tiling";
import { computeFor, type Precision } from "../runtime/compute";
import { estimateMemory, peakOneAtATime } from "../runtime/memory-estimate";
import { availableMemory } from "./available-memory";
import { InsufficientMemoryError } from "./insufficient-memory";
import { pictureDefaults } from "./picture-defaults";

/** What a picture's cost depends on; undefined and null both stand for the checkpoint's default. */
export interface PictureCost {
  readonly width?: number | null | undefined;
  readonly height?: number | null | undefined;
  readonly steps?: number | null | undefined;
  readonly guidanceScale?: number | null | undefined;
  readonly strength?: number | null | undefined;
  readonly startsFromImage: boolean;
  readonly resolutionBinning: boolean;
  readonly vaeTiling: VaeTiling;
  readonly precision: Precision | "auto";
}

/** What a picture will cost, from the checkpoint's configurations and headers alone. */
export interface PictureNeed {
  /** Memory of making it with one network loaded at a time, which is the least. */
  readonly bytes: number;
  readonly generationSize: Size;
  /** Steps that run. */
  readonly steps: number;
}

/** Throws a SanaError for a checkpoint that cannot be used and for numbers that it does not allow. */
export async function pictureNeed(folder: string, cost: PictureCost): Promise<PictureNeed> {
  const checkpoint = await openCheckpoint(folder);
  const [transformer, autoencoder, textEncoder, defaults] = await Promise.all([
    openTransformer(checkpoint),
    openAutoencoder(checkpoint),
    openTextEncoder(checkpoint),
    readGenerationDefaults(checkpoint),
  ]);
  const usual = pictureDefaults(checkpoint, { defaults, transformer: transformer.config });
  const numbers = {
    width: cost.width ?? usual.width,
    height: cost.height ?? usual.height,
    numInferenceSteps: cost.steps ?? usual.numInferenceSteps,
    guidanceScale: cost.guidanceScale ?? usual.guidanceScale,
  };
  checkNumbers(numbers);
  const resolutionBinning = cost.resolutionBinning && defaults.resolutionBinning;
  const size = generationSize({ ...numbers, resolutionBinning }, transformer.config);
  latentShape(size, { transformer: transformer.config, autoencoder: autoencoder.config });
  const steps = numbers.numInferenceSteps;
  const skipped = cost.startsFromImage ? firstStep(steps, cost.strength ?? usual.strength) : 0;
  const guided = numbers.guidanceScale > 1 && checkpoint.pipeline === "SanaPipeline";
  const channels = autoencoder.config.decoderBlockOutChannels[0]!;
  const tiled = usesTiles(cost.vaeTiling, { ...size, channels });
  const work = {
    ...size,
    batch: guided ? 2 : 1,
    textTokens: defaults.maxSequenceLength,
    decodedPixels: tiled ? TILE_SIZE ** 2 : size.width * size.height,
  };
  // On a GPU, most of this is the GPU's memory; what the program needs of its own is less.
  const { precision } = computeFor({ provider: "cpu", precision: cost.precision }, defaults);
  const estimate = estimateMemory({ transformer, autoencoder, textEncoder }, work, precision);
  return { bytes: Math.round(peakOneAtATime(estimate)), generationSize: size, steps: steps - skipped };
}

/** Throws `insufficient-memory` with both figures where a picture needs more than is free. */
export function requireMemory(neededBytes: number): void {
  const freeBytes = availableMemory();
  if (neededBytes > freeBytes) throw new InsufficientMemoryError(neededBytes, freeBytes);
}
