import type { AutoencoderConfig } from "../checkpoint/configs";
import { SanaError } from "../errors";
import { isFiniteTensor, type FloatTensor } from "../tensor/float-tensor";
import type { AutoencoderModel, SanaModels } from "./models";
import { needsTiles, tiledDecode, tiledEncode } from "./vae-tiling";

export type VaeTiling = "on" | "off" | "auto";

/**
 * Above this estimate of a whole picture's activations, `auto` decodes in tiles. A fixed number rather than what is
 * free right now, so that the same call gives the same picture on every machine: blended tiles differ slightly.
 */
const TILING_THRESHOLD_BYTES = 6 * 2 ** 30;

/** Full-resolution float32 planes of the outermost stage that are alive at the same time, counted on the graph. */
const LIVE_PLANES = 6;

/** How many pixels one latent cell stands for along one side. */
export function compressionOf(config: AutoencoderConfig): number {
  return 2 ** (config.decoderBlockOutChannels.length - 1);
}

/**
 * Latents as the transformer knows them, float32 [1, channels, h, w], to a picture [1, 3, H, W] in about −1…1, not
 * clamped. Throws `non-finite` where the decoder's output is not a number.
 */
export async function decodeLatents(
  latents: FloatTensor,
  options: { config: AutoencoderConfig; models: Pick<SanaModels, "decoder">; tiling: VaeTiling },
): Promise<FloatTensor> {
  const { config } = options;
  const compression = compressionOf(config);
  const unscaled = { data: latents.data.map((value) => value / config.scalingFactor), dims: latents.dims };
  const [, , height, width] = latents.dims as [number, number, number, number];
  const tiled = usesTiles(options.tiling, {
    height: height * compression,
    width: width * compression,
    channels: config.decoderBlockOutChannels[0]!,
  });
  const image = await withModel(options.models.decoder(), (decoder) =>
    tiled ? tiledDecode(unscaled, compression, (tile) => decoder.run(tile)) : decoder.run(unscaled),
  );
  if (!isFiniteTensor(image.data)) {
    throw new SanaError(
      "non-finite",
      "the decoder gave numbers that are not finite: its weights or the latents are bad",
    );
  }
  return image;
}

/** A picture [1, 3, H, W] in −1…1 to latents as the transformer knows them. Sides are multiples of the compression. */
export async function encodeImage(
  image: FloatTensor,
  options: { config: AutoencoderConfig; models: Pick<SanaModels, "encoder">; tiling: VaeTiling },
): Promise<FloatTensor> {
  const { config } = options;
  const [, , height, width] = image.dims as [number, number, number, number];
  const tiled = usesTiles(options.tiling, { height, width, channels: config.encoderBlockOutChannels[0]! });
  const latents = await withModel(options.models.encoder(), (encoder) =>
    tiled ? tiledEncode(image, compressionOf(config), (tile) => encoder.run(tile)) : encoder.run(image),
  );
  if (!isFiniteTensor(latents.data)) {
    throw new SanaError("non-finite", "the encoder gave numbers that are not finite: its weights are bad");
  }
  return { data: latents.data.map((value) => value * config.scalingFactor), dims: latents.dims };
}

/** Whether a picture of that size (pixels) goes through the autoencoder in tiles; `channels` are its outermost stage's. */
export function usesTiles(tiling: VaeTiling, image: { height: number; width: number; channels: number }): boolean {
  if (tiling === "off" || !needsTiles(image.height, image.width)) return false;
  const bytes = image.height * image.width * image.channels * Float32Array.BYTES_PER_ELEMENT * LIVE_PLANES;
  return tiling === "on" || bytes > TILING_THRESHOLD_BYTES;
}

async function withModel<Result>(
  loading: Promise<AutoencoderModel>,
  use: (model: AutoencoderModel) => Promise<Result>,
): Promise<Result> {
  const model = await loading;
  try {
    return await use(model);
  } finally {
    await model.release();
  }
}
