import type { FloatTensor } from "../tensor/float-tensor";

/**
 * The networks as the pipelines see them. Each function loads one into memory and whoever called it releases it, so
 * that a large checkpoint never has all of them in memory at once.
 */
export interface SanaModels {
  textEncoder(): Promise<TextEncoderModel>;
  transformer(): Promise<TransformerModel>;
  decoder(): Promise<AutoencoderModel>;
  encoder(): Promise<AutoencoderModel>;
}

export interface Releasable {
  release(): Promise<void>;
}

export interface TextEncoderModel extends Releasable {
  /** Token ids to hidden states [tokens, channels]; the first `prefixLength` tokens are common to many texts. */
  encode(tokenIds: readonly number[], prefixLength: number): Promise<FloatTensor>;
}

export interface TransformerModel<Conditioning = unknown> extends Releasable {
  /** What a batch of texts ([tokens, channels] each) contributes to every step. */
  condition(texts: readonly FloatTensor[]): Promise<Conditioning>;
  /** The model's output for `latents` [batch, channels, height, width], in the same shape. */
  denoise(call: {
    latents: FloatTensor;
    timestep: number;
    guidance: number | null;
    conditioning: Conditioning;
  }): Promise<FloatTensor>;
}

export interface AutoencoderModel extends Releasable {
  /** [batch, channels, height, width] to the same kind. */
  run(input: FloatTensor): Promise<FloatTensor>;
}
