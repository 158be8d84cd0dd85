import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAutoencoderConfig } from "../../../sidecar/checkpoint/autoencoder-config";
import { assertRefused } from "./checkpoint-files";

const FILE = "vae/config.json";
const parse = (json: unknown): ReturnType<typeof parseAutoencoderConfig> => parseAutoencoderConfig(json, FILE);

/** Two stages, a compression of 2. */
const TINY = {
  latent_channels: 4,
  attention_head_dim: 2,
  encoder_block_types: ["ResBlock", "EfficientViTBlock"],
  decoder_block_types: ["ResBlock", "EfficientViTBlock"],
  encoder_block_out_channels: [8, 8],
  decoder_block_out_channels: [8, 8],
  encoder_layers_per_block: [1, 1],
  decoder_layers_per_block: [1, 1],
  encoder_qkv_multiscales: [[], [5]],
  decoder_qkv_multiscales: [[], [3, 5]],
};

describe("parseAutoencoderConfig", () => {
  it("fills in the reference's defaults", () => {
    assert.deepStrictEqual(parse({}), {
      inChannels: 3,
      latentChannels: 32,
      attentionHeadDim: 32,
      encoderBlockTypes: Array(6).fill("ResBlock"),
      decoderBlockTypes: Array(6).fill("ResBlock"),
      encoderBlockOutChannels: [128, 256, 512, 512, 1024, 1024],
      decoderBlockOutChannels: [128, 256, 512, 512, 1024, 1024],
      encoderLayersPerBlock: [2, 2, 2, 3, 3, 3],
      decoderLayersPerBlock: [3, 3, 3, 3, 3, 3],
      encoderQkvMultiscales: [[], [], [], [5], [5], [5]],
      decoderQkvMultiscales: [[], [], [], [5], [5], [5]],
      downsampleBlockType: "pixel_unshuffle",
      upsampleBlockType: "pixel_shuffle",
      decoderActFns: Array(6).fill("silu"),
      decoderConvActFn: "relu",
      encoderOutShortcut: true,
      decoderInShortcut: true,
      scalingFactor: 1,
    });
  });

  it("gives one value to all stages and reads no more entries than there are stages", () => {
    const config = parse({
      ...TINY,
      decoder_act_fns: "relu",
      encoder_layers_per_block: [1, 2, 3, 4],
      scaling_factor: 0.41407,
      encoder_out_shortcut: false,
    });
    assert.deepStrictEqual(config.decoderActFns, ["relu", "relu"]);
    assert.deepStrictEqual(config.encoderLayersPerBlock, [1, 2]);
    assert.deepStrictEqual(config.decoderQkvMultiscales, [[], [3, 5]]);
    assert.equal(config.scalingFactor, 0.41407);
    assert.equal(config.encoderOutShortcut, false);
  });

  it("takes any other name of a down- or upsampling block for the other kind", () => {
    for (const name of ["Conv", "conv", "ConvPixelUnshuffle"]) {
      assert.equal(parse({ downsample_block_type: name }).downsampleBlockType, "conv");
    }
    assert.equal(parse({ upsample_block_type: "interpolate" }).upsampleBlockType, "interpolate");
    assert.equal(parse({ upsample_block_type: "InterpolateConv" }).upsampleBlockType, "pixel_shuffle");
  });

  it("names file, key, what was found and what is allowed", async () => {
    const cases: [object, RegExp][] = [
      [{ in_channels: 4 }, /"in_channels" is 4;/],
      [{ latent_channels: 0 }, /"latent_channels" is 0;/],
      [{ encoder_block_types: "ViT" }, /"encoder_block_types" is "ViT"; it must be one of ResBlock, EfficientViTBlock/],
      [{ ...TINY, decoder_block_types: ["ResBlock", 5] }, /"decoder_block_types" is a list of 2;/],
      [{ ...TINY, decoder_block_types: ["ResBlock"] }, /"decoder_block_types" is a list of 1; it must be a list of 2/],
      [{ ...TINY, encoder_qkv_multiscales: [[]] }, /"encoder_qkv_multiscales" is a list of 1; it must be a list of 2/],
      [{ ...TINY, encoder_qkv_multiscales: [[], [4]] }, /"encoder_qkv_multiscales.1.0" is 4; it must be an odd number/],
      [{ ...TINY, encoder_qkv_multiscales: [[], 5] }, /"encoder_qkv_multiscales.1" is 5;/],
      [{ ...TINY, decoder_block_out_channels: [8] }, /"decoder_block_out_channels" is a list of 1;/],
      [{ encoder_block_out_channels: [] }, /"encoder_block_out_channels" is a list of 0;/],
      [{ encoder_block_out_channels: Array(13).fill(32) }, /"encoder_block_out_channels" is a list of 13;/],
      [{ ...TINY, encoder_block_out_channels: [8, 1e9] }, /"encoder_block_out_channels.1" is 1000000000;/],
      [{ ...TINY, encoder_layers_per_block: [0, 1] }, /"encoder_layers_per_block.0" is 0;/],
      [{ ...TINY, decoder_layers_per_block: [1, 101] }, /"decoder_layers_per_block.1" is 101;/],
      [{ decoder_norm_types: "batch_norm" }, /"decoder_norm_types" is "batch_norm"; it must be one of rms_norm/],
      [{ ...TINY, decoder_norm_types: ["rms_norm", "batch_norm"] }, /"decoder_norm_types" is a list of 2;/],
      [{ ...TINY, decoder_norm_types: ["rms_norm"] }, /"decoder_norm_types" is a list of 1;/],
      [{ decoder_act_fns: "gelu" }, /"decoder_act_fns" is "gelu";/],
      [{ decoder_conv_act_fn: "relu6" }, /"decoder_conv_act_fn" is "relu6"; it must be "silu" or "relu"/],
      [{ downsample_block_type: null }, /"downsample_block_type" is null;/],
      [{ scaling_factor: 0 }, /"scaling_factor" is 0;/],
      [{ scaling_factor: Infinity }, /"scaling_factor" is Infinity;/],
      [{ _class_name: "AutoencoderKL" }, /"_class_name" is "AutoencoderKL"; it must be AutoencoderDC/],
      [
        { ...TINY, latent_channels: 3 },
        /"encoder_block_out_channels.1" is 8; it must be a multiple of latent_channels, 3/,
      ],
      [
        { ...TINY, encoder_block_out_channels: [8, 64] },
        /"encoder_block_out_channels.1" is 64; it must be a divisor of 32/,
      ],
      [
        { ...TINY, decoder_block_out_channels: [8, 12] },
        /"decoder_block_out_channels.1" is 12; it must be a divisor of 32/,
      ],
      [
        { ...TINY, encoder_block_out_channels: [3, 6], encoder_out_shortcut: false },
        /"encoder_block_out_channels.1" is 6; it must be a multiple of 4/,
      ],
      [
        { ...TINY, attention_head_dim: 16 },
        /"encoder_block_out_channels.1" is 8; it must be at least attention_head_dim/,
      ],
    ];
    for (const [json, pattern] of cases) {
      await assertRefused(() => parse(json), "invalid-checkpoint", /^vae\/config\.json: /, pattern);
    }
  });

  it("needs channels to fit the latents only where a shortcut joins them", () => {
    const config = { ...TINY, latent_channels: 3, encoder_out_shortcut: false, decoder_in_shortcut: false };
    assert.equal(parse(config).latentChannels, 3);
  });
});
