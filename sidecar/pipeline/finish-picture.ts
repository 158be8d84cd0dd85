import type { AutoencoderConfig } from "../checkpoint/configs";
import { resizeAndCrop } from "../image/resize-and-crop";
import type { FloatTensor } from "../tensor/float-tensor";
import { decodeLatents } from "./decode";
import type { GenerationEvent, GenerationResult } from "./events";
import { throwIfCancelled } from "./guards";
import type { SanaModels } from "./models";
import type { GenerationRequest } from "./request";

/**
 * The last step of every pipeline: final latents [1, C, h, w] to the picture at the size that was asked for. Nothing is
 * decoded once the signal has been given.
 */
export async function* finishPicture(
  latents: FloatTensor,
  context: {
    request: GenerationRequest;
    checkpoint: { readonly autoencoder: AutoencoderConfig };
    models: SanaModels;
    signal: AbortSignal;
  },
): AsyncGenerator<GenerationEvent, GenerationResult> {
  const { request, checkpoint, models, signal } = context;
  throwIfCancelled(signal);
  yield { type: "stage", stage: "decode" };
  const decoded = await decodeLatents(latents, {
    config: checkpoint.autoencoder,
    models,
    tiling: request.vaeTiling,
  });
  throwIfCancelled(signal);
  return { latents, image: request.resolutionBinning ? resizeAndCrop(decoded, request) : decoded };
}
