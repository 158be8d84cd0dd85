import type { FloatTensor } from "../tensor/float-tensor";

/** What a pipeline yields while it works. */
export type GenerationEvent =
  | {
      readonly type: "stage";
      readonly stage: "read-prompt" | "encode-image" | "load-transformer" | "denoise" | "decode";
    }
  /** The prompt was longer than the model reads; the rest was cut off. */
  | { readonly type: "prompt-truncated"; readonly prompt: "prompt" | "negative prompt" }
  | {
      readonly type: "step";
      /** Steps done, 1 … total. */
      readonly step: number;
      readonly total: number;
      /** The picture as the model sees it now: predicted clean latents [1, C, h, w]. */
      readonly predictedClean: FloatTensor;
    };

/** What a pipeline returns. */
export interface GenerationResult {
  /** As the reference returns them for output_type="latent": not divided by the scaling factor, [1, C, h, w]. */
  readonly latents: FloatTensor;
  /** [1, 3, H, W] in about −1…1 at the size that was asked for, not clamped. */
  readonly image: FloatTensor;
}
