import * as v from "valibot";
import { configError, flag, integer, only, oneOf, parseConfig, positive, unset } from "./config-schema";
import type { TransformerConfig } from "./configs";

// Limits far above every official model (60 layers, width 2240), so that a hostile file cannot ask for a graph or a
// table of absurd size before its tensors prove it wrong.
const MAX_LAYERS = 1000;
const MAX_WIDTH = 65_536;
const MAX_HEADS = 4096;
const MAX_CHANNELS = 4096;
const MAX_SAMPLE_SIZE = 1024;

/** Keys that a file leaves out have the defaults of the reference implementation; keys it does not list are ignored. */
const schema = v.object({
  _class_name: v.optional(only("SanaTransformer2DModel")),
  quantization_config: v.optional(unset()),
  in_channels: v.optional(integer(1, MAX_CHANNELS), 32),
  out_channels: v.optional(v.nullable(integer(0, 2 * MAX_CHANNELS)), 32),
  num_layers: v.optional(integer(1, MAX_LAYERS), 20),
  num_attention_heads: v.optional(integer(1, MAX_HEADS), 70),
  attention_head_dim: v.optional(integer(1, MAX_WIDTH), 32),
  num_cross_attention_heads: v.optional(integer(1, MAX_HEADS), 20),
  cross_attention_head_dim: v.optional(integer(1, MAX_WIDTH), 112),
  cross_attention_dim: v.optional(integer(1, MAX_WIDTH), 2240),
  caption_channels: v.optional(integer(1, MAX_WIDTH), 2304),
  mlp_ratio: v.optional(positive(64)),
  // The name of mlp_ratio in the first published configurations.
  expand_ratio: v.optional(positive(64)),
  attention_bias: v.optional(flag(), false),
  sample_size: v.optional(integer(1, MAX_SAMPLE_SIZE), 32),
  patch_size: v.optional(integer(1, 64), 1),
  norm_elementwise_affine: v.optional(flag(), false),
  norm_eps: v.optional(positive(1), 1e-6),
  interpolation_scale: v.optional(v.nullable(positive(1024)), null),
  guidance_embeds: v.optional(flag(), false),
  guidance_embeds_scale: v.optional(positive(1e6), 0.1),
  qk_norm: v.optional(v.nullable(oneOf(["rms_norm_across_heads"])), null),
  timestep_scale: v.optional(positive(1e6), 1),
});

/** The configuration of a SanaTransformer2DModel from its config.json. Throws `invalid-checkpoint`. */
export function parseTransformerConfig(json: unknown, file: string): TransformerConfig {
  const config = parseConfig(schema, json, file);
  const width = config.num_attention_heads * config.attention_head_dim;
  const crossWidth = config.num_cross_attention_heads * config.cross_attention_head_dim;
  const mlpRatio = config.mlp_ratio ?? config.expand_ratio ?? 2.5;
  const outChannels = config.out_channels || config.in_channels;

  if (width > MAX_WIDTH) {
    throw configError(file, "num_attention_heads · attention_head_dim", {
      found: width,
      allowed: `at most ${MAX_WIDTH}`,
    });
  }
  if (crossWidth > MAX_WIDTH) {
    const allowed = `at most ${MAX_WIDTH}`;
    throw configError(file, "num_cross_attention_heads · cross_attention_head_dim", { found: crossWidth, allowed });
  }
  if (config.cross_attention_dim !== width) {
    // The projected caption, which the cross-attention reads, has the width of the residual stream.
    const allowed = `${width}, the product of num_attention_heads and attention_head_dim`;
    throw configError(file, "cross_attention_dim", { found: config.cross_attention_dim, allowed });
  }
  if (Math.trunc(mlpRatio * width) < 1) {
    throw configError(file, "mlp_ratio", { found: mlpRatio, allowed: `at least ${1 / width}` });
  }
  if (outChannels !== config.in_channels && outChannels !== 2 * config.in_channels) {
    const allowed = `${config.in_channels} like in_channels, or twice as many`;
    throw configError(file, "out_channels", { found: outChannels, allowed });
  }
  if (config.interpolation_scale !== null && (width % 4 !== 0 || config.patch_size > config.sample_size)) {
    const allowed = `null, because a position embedding needs a width that is a multiple of 4 and sample_size ≥ patch_size`;
    throw configError(file, "interpolation_scale", { found: config.interpolation_scale, allowed });
  }
  return {
    inChannels: config.in_channels,
    outChannels,
    numLayers: config.num_layers,
    numAttentionHeads: config.num_attention_heads,
    attentionHeadDim: config.attention_head_dim,
    numCrossAttentionHeads: config.num_cross_attention_heads,
    crossAttentionHeadDim: config.cross_attention_head_dim,
    captionChannels: config.caption_channels,
    mlpRatio,
    attentionBias: config.attention_bias,
    sampleSize: config.sample_size,
    patchSize: config.patch_size,
    normElementwiseAffine: config.norm_elementwise_affine,
    normEps: config.norm_eps,
    interpolationScale: config.interpolation_scale,
    guidanceEmbeds: config.guidance_embeds,
    guidanceEmbedsScale: config.guidance_embeds_scale,
    qkNorm: config.qk_norm,
    timestepScale: config.timestep_scale,
  };
}
