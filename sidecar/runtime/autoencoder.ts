import type { AutoencoderConfig } from "../checkpoint/configs";
import type { WeightDirectory } from "../checkpoint/weights";
import { buildDecoder, buildEncoder } from "../models/dc-ae";
import type { OnnxModel } from "../onnx/graph-builder";
import type { FloatTensor } from "../tensor/float-tensor";
import { autoencoderPrecision, type ComputeChoice } from "./compute";
import { createSession } from "./onnx-session";

/** One half of a loaded AutoencoderDC: maps float32 [batch, channels, height, width] to the same kind. */
interface AutoencoderHalf {
  run(input: FloatTensor): Promise<FloatTensor>;
  release(): Promise<void>;
}

/**
 * Latents (divided by the scaling factor) to a picture in about −1…1. Checks that the weights are those of the
 * configuration (throws `invalid-weights`) and returns what loads them.
 */
export function prepareDecoder(
  config: AutoencoderConfig,
  weights: WeightDirectory,
  compute: ComputeChoice,
): () => Promise<AutoencoderHalf> {
  const model = buildDecoder(config, weights, autoencoderPrecision(compute));
  return () => loadHalf(model, compute, { input: "latents", output: "image" });
}

/** The same for the encoder: a picture in −1…1, sides multiples of the compression, to latents that are not scaled. */
export function prepareEncoder(
  config: AutoencoderConfig,
  weights: WeightDirectory,
  compute: ComputeChoice,
): () => Promise<AutoencoderHalf> {
  const model = buildEncoder(config, weights, autoencoderPrecision(compute));
  return () => loadHalf(model, compute, { input: "image", output: "latents" });
}

async function loadHalf(
  model: OnnxModel,
  compute: ComputeChoice,
  names: { input: string; output: string },
): Promise<AutoencoderHalf> {
  const session = await createSession(model, {
    runsOften: true,
    provider: compute.provider,
    exact: compute.precision === "fp32",
  });
  return {
    run: async (input) => (await session.run({ [names.input]: input }, [names.output]))[names.output]!,
    release: () => session.release(),
  };
}
