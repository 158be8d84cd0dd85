import * as v from "valibot";
import { configError, flag, integer, only, oneOf, parseConfig, positive, text, unset } from "./config-schema";
import type { AutoencoderActivation, AutoencoderBlockType, AutoencoderConfig } from "./configs";

// Official autoencoders have 6 to 8 stages of at most 10 layers and 2048 channels.
const MAX_STAGES = 12;
const MAX_LAYERS = 100;
const MAX_CHANNELS = 16_384;
const MAX_KERNEL = 31;
const MAX_SCALES = 8;

const BLOCK_TYPES = ["ResBlock", "EfficientViTBlock"] as const;
const ACTIVATIONS = ["silu", "relu"] as const;

function stages<const Item extends v.GenericSchema>(item: Item) {
  const allowed = `a list of 1 to ${MAX_STAGES} entries`;
  return v.pipe(v.array(item, allowed), v.minLength(1, allowed), v.maxLength(MAX_STAGES, allowed));
}

/** One value for all stages or a list of values. */
function forStages<const Options extends readonly string[]>(options: Options) {
  return v.union([oneOf(options), stages(oneOf(options))], `one of ${options.join(", ")}, or a list of them`);
}

/** An even kernel would change the size of what it is joined with. */
const oddKernel = v.pipe(
  integer(1, MAX_KERNEL),
  v.check((kernel) => kernel % 2 === 1, `an odd number up to ${MAX_KERNEL}`),
);
const scales = `a list of at most ${MAX_SCALES} kernel sizes`;
const qkvMultiscales = stages(v.pipe(v.array(oddKernel, scales), v.maxLength(MAX_SCALES, scales)));

/** Keys that a file leaves out have the defaults of the reference implementation; keys it does not list are ignored. */
const schema = v.object({
  _class_name: v.optional(only("AutoencoderDC")),
  quantization_config: v.optional(unset()),
  // Pictures are RGB.
  in_channels: v.optional(integer(3, 3), 3),
  latent_channels: v.optional(integer(1, MAX_CHANNELS), 32),
  attention_head_dim: v.optional(integer(1, MAX_CHANNELS), 32),
  encoder_block_types: v.optional(forStages(BLOCK_TYPES), "ResBlock"),
  decoder_block_types: v.optional(forStages(BLOCK_TYPES), "ResBlock"),
  encoder_block_out_channels: v.optional(stages(integer(1, MAX_CHANNELS)), [128, 256, 512, 512, 1024, 1024]),
  decoder_block_out_channels: v.optional(stages(integer(1, MAX_CHANNELS)), [128, 256, 512, 512, 1024, 1024]),
  // The reference turns a first stage without layers into another kind of stem; no Sana autoencoder has one.
  encoder_layers_per_block: v.optional(stages(integer(1, MAX_LAYERS)), [2, 2, 2, 3, 3, 3]),
  decoder_layers_per_block: v.optional(stages(integer(1, MAX_LAYERS)), [3, 3, 3, 3, 3, 3]),
  encoder_qkv_multiscales: v.optional(qkvMultiscales, [[], [], [], [5], [5], [5]]),
  decoder_qkv_multiscales: v.optional(qkvMultiscales, [[], [], [], [5], [5], [5]]),
  upsample_block_type: v.optional(text(), "pixel_shuffle"),
  downsample_block_type: v.optional(text(), "pixel_unshuffle"),
  decoder_norm_types: v.optional(forStages(["rms_norm"]), "rms_norm"),
  decoder_act_fns: v.optional(forStages(ACTIVATIONS), "silu"),
  encoder_out_shortcut: v.optional(flag(), true),
  decoder_in_shortcut: v.optional(flag(), true),
  decoder_conv_act_fn: v.optional(oneOf(ACTIVATIONS), "relu"),
  scaling_factor: v.optional(positive(1e6), 1),
});

/** The configuration of an AutoencoderDC from its config.json. Throws `invalid-checkpoint`. */
export function parseAutoencoderConfig(json: unknown, file: string): AutoencoderConfig {
  const config = parseConfig(schema, json, file);
  const encoderBlockOutChannels = config.encoder_block_out_channels;
  const decoderBlockOutChannels = config.decoder_block_out_channels;
  const count = encoderBlockOutChannels.length;
  if (decoderBlockOutChannels.length !== count) {
    const allowed = `a list of ${count} like encoder_block_out_channels`;
    throw configError(file, "decoder_block_out_channels", { found: decoderBlockOutChannels, allowed });
  }

  /** The reference reads one entry a stage and leaves what follows in a longer list alone. */
  const perStage = <Item>(key: string, list: Item | readonly Item[]): readonly Item[] => {
    if (!Array.isArray(list)) return Array.from({ length: count }, () => list as Item);
    if (list.length < count) throw configError(file, key, { found: list, allowed: `a list of ${count}, one a stage` });
    return (list as readonly Item[]).slice(0, count);
  };

  perStage("decoder_norm_types", config.decoder_norm_types);
  const resolved: AutoencoderConfig = {
    inChannels: config.in_channels,
    latentChannels: config.latent_channels,
    attentionHeadDim: config.attention_head_dim,
    encoderBlockTypes: perStage<AutoencoderBlockType>("encoder_block_types", config.encoder_block_types),
    decoderBlockTypes: perStage<AutoencoderBlockType>("decoder_block_types", config.decoder_block_types),
    encoderBlockOutChannels,
    decoderBlockOutChannels,
    encoderLayersPerBlock: perStage<number>("encoder_layers_per_block", config.encoder_layers_per_block),
    decoderLayersPerBlock: perStage<number>("decoder_layers_per_block", config.decoder_layers_per_block),
    encoderQkvMultiscales: perStage<readonly number[]>("encoder_qkv_multiscales", config.encoder_qkv_multiscales),
    decoderQkvMultiscales: perStage<readonly number[]>("decoder_qkv_multiscales", config.decoder_qkv_multiscales),
    // As in the reference, any other name means the other kind ("Conv" and "conv" are both in use).
    downsampleBlockType: config.downsample_block_type === "pixel_unshuffle" ? "pixel_unshuffle" : "conv",
    upsampleBlockType: config.upsample_block_type === "interpolate" ? "interpolate" : "pixel_shuffle",
    decoderActFns: perStage<AutoencoderActivation>("decoder_act_fns", config.decoder_act_fns),
    decoderConvActFn: config.decoder_conv_act_fn,
    encoderOutShortcut: config.encoder_out_shortcut,
    decoderInShortcut: config.decoder_in_shortcut,
    scalingFactor: config.scaling_factor,
  };
  checkChannels(resolved, file);
  return resolved;
}

/** The shortcuts average or repeat whole groups of channels, and attention splits channels into heads. */
function checkChannels(config: AutoencoderConfig, file: string): void {
  const { latentChannels, attentionHeadDim } = config;
  for (const side of ["encoder", "decoder"] as const) {
    const widths = config[`${side}BlockOutChannels`];
    const requireWidth = (stage: number, holds: boolean, allowed: string): void => {
      if (!holds) throw configError(file, `${side}_block_out_channels.${stage}`, { found: widths[stage], allowed });
    };
    const last = widths.length - 1;
    if (side === "encoder" ? config.encoderOutShortcut : config.decoderInShortcut) {
      requireWidth(last, widths[last]! % latentChannels === 0, `a multiple of latent_channels, ${latentChannels}`);
    }
    for (const [stage, width] of widths.entries()) {
      if (config[`${side}BlockTypes`][stage] === "EfficientViTBlock") {
        requireWidth(stage, width >= attentionHeadDim, `at least attention_head_dim, ${attentionHeadDim}`);
      }
      if (stage === last) continue;
      const deeper = widths[stage + 1]!;
      // Four pixels become one or one becomes four, in both directions between the same two widths.
      requireWidth(stage + 1, (4 * width) % deeper === 0, `a divisor of ${4 * width}, four times the width before it`);
      if (side === "encoder" && config.downsampleBlockType === "pixel_unshuffle") {
        requireWidth(stage + 1, deeper % 4 === 0, "a multiple of 4");
      }
    }
  }
}
