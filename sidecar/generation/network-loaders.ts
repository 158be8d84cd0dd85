import type { TextEncoderConfig, TransformerConfig } from "../checkpoint/configs";
import type { Component } from "../checkpoint/diffusers-layout";
import type { SanaModels } from "../pipeline/models";
import type { Compute } from "../runtime/compute";
import { prepareTextEncoder } from "../runtime/text-encoder";
import { prepareTransformer } from "../runtime/transformer";
import { quantizedWeights } from "./quantized-weights";

/**
 * What loads the networks whose matrices `int8` and `int4` mean. Their names and shapes are checked at once (throws
 * `invalid-weights`); float weights are quantised when the network is first loaded, and kept for all later times.
 */
interface LoaderOptions {
  readonly compute: Compute;
  /** Told in one line what takes long. */
  readonly notify: (message: string) => void;
}

export function textEncoderLoader(
  { config, weights }: Component<TextEncoderConfig>,
  { compute, notify }: LoaderOptions,
): SanaModels["textEncoder"] {
  const load = prepareTextEncoder(config, weights, compute);
  const { precision } = compute;
  if (precision !== "int8" && precision !== "int4") return load;
  const options = { component: "text_encoder", bits: precision === "int4" ? 4 : 8, notify } as const;
  return async () => prepareTextEncoder(config, await quantizedWeights(weights, options), compute)();
}

export function transformerLoader(
  { config, weights }: Component<TransformerConfig>,
  { compute, notify }: LoaderOptions,
): SanaModels["transformer"] {
  const load = prepareTransformer(config, weights, compute);
  const { precision } = compute;
  if (precision !== "int8" && precision !== "int4") return load;
  // Not 4 for `int4`: products with 4-bit matrices take longer than float32's, and cost most of the likeness.
  const options = { component: "transformer", bits: 8, notify } as const;
  return async () => prepareTransformer(config, await quantizedWeights(weights, options), compute)();
}
