import * as v from "valibot";
import { configError, integer, oneOf, only, parseConfig, positive, unset } from "./config-schema";
import type { AttentionType, RopeConfig, TextEncoderConfig } from "./configs";

export const TEXT_ENCODER_CLASSES = [
  "Gemma2Model",
  "Gemma2ForCausalLM",
  "Gemma3TextModel",
  "Gemma3ForCausalLM",
] as const;
export type TextEncoderClass = (typeof TEXT_ENCODER_CLASSES)[number];

// Limits far above the encoders that Sana was made for (26 layers, width 2304, 262,208 tokens), so that a hostile file
// cannot ask for a graph or a table of absurd size before its tensors prove it wrong.
const MAX_LAYERS = 1000;
const MAX_WIDTH = 262_144;
const MAX_HEADS = 4096;
const MAX_VOCABULARY = 16_777_216;
const MAX_THETA = 1e12;

const LAYER_TYPES = ["sliding_attention", "full_attention"] as const;
const ATTENTION_TYPES: Readonly<Record<(typeof LAYER_TYPES)[number], AttentionType>> = {
  sliding_attention: "sliding",
  full_attention: "full",
};

const rope = v.object({
  rope_theta: v.optional(positive(MAX_THETA)),
  rope_type: v.optional(oneOf(["default", "linear"])),
  // The older spelling of rope_type.
  type: v.optional(oneOf(["default", "linear"])),
  factor: v.optional(positive(MAX_THETA)),
});
type Rope = v.InferOutput<typeof rope>;

const common = {
  quantization_config: v.optional(unset()),
  vocab_size: integer(1, MAX_VOCABULARY),
  hidden_size: integer(1, MAX_WIDTH),
  intermediate_size: integer(1, MAX_WIDTH),
  num_hidden_layers: integer(1, MAX_LAYERS),
  num_attention_heads: integer(1, MAX_HEADS),
  num_key_value_heads: integer(1, MAX_HEADS),
  head_dim: v.optional(integer(2, MAX_WIDTH), 256),
  rms_norm_eps: v.optional(positive(1), 1e-6),
  query_pre_attn_scalar: v.optional(positive(1e9), 256),
  hidden_activation: v.optional(only("gelu_pytorch_tanh")),
  attention_bias: v.optional(only(false)),
  use_bidirectional_attention: v.optional(v.nullable(only(false))),
  sliding_window: v.optional(v.nullable(integer(1, 2 ** 31)), 4096),
  layer_types: v.optional(v.nullable(v.array(oneOf(LAYER_TYPES), "a list"))),
  rope_theta: v.optional(positive(MAX_THETA)),
  rope_scaling: v.optional(v.nullable(rope)),
};

const gemma2Schema = v.object({
  ...common,
  model_type: v.optional(only("gemma2")),
  attn_logit_softcapping: v.optional(v.nullable(positive(1e9)), 50),
  rope_parameters: v.optional(v.nullable(rope)),
});

const gemma3Schema = v.object({
  ...common,
  model_type: v.optional(only("gemma3_text")),
  attn_logit_softcapping: v.optional(v.nullable(positive(1e9)), null),
  sliding_window_pattern: v.optional(integer(1, MAX_LAYERS), 6),
  rope_local_base_freq: v.optional(positive(MAX_THETA), 10_000),
  rope_parameters: v.optional(
    v.nullable(
      v.object({
        full_attention: v.optional(v.nullable(rope)),
        sliding_attention: v.optional(v.nullable(rope)),
      }),
    ),
  ),
});

/**
 * The configuration of a Gemma text encoder from its config.json. Sizes must be there; what else is missing has the
 * default of its class. Throws `invalid-checkpoint`.
 */
export function parseTextEncoderConfig(
  json: unknown,
  options: { file: string; className: TextEncoderClass },
): TextEncoderConfig {
  return options.className.startsWith("Gemma2") ? parseGemma2(json, options.file) : parseGemma3(json, options.file);
}

function parseGemma2(json: unknown, file: string): TextEncoderConfig {
  const config = parseConfig(gemma2Schema, json, file);
  const shared = config.rope_scaling ?? config.rope_parameters ?? {};
  const resolved = ropeConfig(shared, { file, theta: config.rope_theta ?? 10_000 });
  return {
    ...resolveCommon(config, { file, slidingPattern: 2 }),
    rope: { sliding: resolved, full: resolved },
    qkNorm: false,
  };
}

function parseGemma3(json: unknown, file: string): TextEncoderConfig {
  const config = parseConfig(gemma3Schema, json, file);
  const full: Rope = { ...config.rope_parameters?.full_attention, ...config.rope_scaling };
  const sliding: Rope = config.rope_parameters?.sliding_attention ?? {};
  return {
    ...resolveCommon(config, { file, slidingPattern: config.sliding_window_pattern }),
    rope: {
      sliding: ropeConfig(sliding, { file, theta: config.rope_local_base_freq }),
      full: ropeConfig(full, { file, theta: config.rope_theta ?? 1_000_000 }),
    },
    qkNorm: true,
  };
}

function resolveCommon(
  config: v.InferOutput<typeof gemma2Schema> | v.InferOutput<typeof gemma3Schema>,
  options: { file: string; slidingPattern: number },
): Omit<TextEncoderConfig, "rope" | "qkNorm"> {
  const { file, slidingPattern } = options;
  const layerCount = config.num_hidden_layers;
  if (config.num_attention_heads % config.num_key_value_heads !== 0) {
    const allowed = `a multiple of num_key_value_heads, ${config.num_key_value_heads}`;
    throw configError(file, "num_attention_heads", { found: config.num_attention_heads, allowed });
  }
  if (config.head_dim % 2 !== 0) {
    throw configError(file, "head_dim", { found: config.head_dim, allowed: "even, for rotary embeddings" });
  }
  const width = config.num_attention_heads * config.head_dim;
  if (width > MAX_WIDTH) {
    throw configError(file, "num_attention_heads · head_dim", { found: width, allowed: `at most ${MAX_WIDTH}` });
  }
  const layerTypes =
    config.layer_types?.map((type) => ATTENTION_TYPES[type]) ??
    Array.from({ length: layerCount }, (_, i) => ((i + 1) % slidingPattern === 0 ? "full" : "sliding"));
  if (layerTypes.length !== layerCount) {
    const allowed = `a list of ${layerCount} like num_hidden_layers`;
    throw configError(file, "layer_types", { found: config.layer_types, allowed });
  }
  if (config.sliding_window === null && layerTypes.includes("sliding")) {
    const allowed = "a whole number, because some layers have sliding attention";
    throw configError(file, "sliding_window", { found: null, allowed });
  }
  return {
    vocabSize: config.vocab_size,
    hiddenSize: config.hidden_size,
    intermediateSize: config.intermediate_size,
    numHiddenLayers: layerCount,
    numAttentionHeads: config.num_attention_heads,
    numKeyValueHeads: config.num_key_value_heads,
    headDim: config.head_dim,
    rmsNormEps: config.rms_norm_eps,
    queryPreAttnScalar: config.query_pre_attn_scalar,
    attnLogitSoftcapping: config.attn_logit_softcapping,
    layerTypes,
    slidingWindow: config.sliding_window ?? Infinity,
  };
}

/** `theta` is the base for parameters that do not name one. */
function ropeConfig(parameters: Rope, options: { file: string; theta: number }): RopeConfig {
  const theta = parameters.rope_theta ?? options.theta;
  if ((parameters.rope_type ?? parameters.type) !== "linear") return { theta, factor: 1 };
  if (parameters.factor === undefined) {
    throw configError(options.file, "rope_type", { found: "linear", allowed: '"default" where no factor is given' });
  }
  return { theta, factor: parameters.factor };
}
