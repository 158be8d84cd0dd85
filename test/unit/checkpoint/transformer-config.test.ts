import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTransformerConfig } from "../../../sidecar/checkpoint/transformer-config";
import { assertRefused } from "./checkpoint-files";

const FILE = "transformer/config.json";
const parse = (json: unknown): ReturnType<typeof parseTransformerConfig> => parseTransformerConfig(json, FILE);

describe("parseTransformerConfig", () => {
  it("fills in the reference's defaults, which are Sana 1.6B", () => {
    assert.deepStrictEqual(parse({}), {
      inChannels: 32,
      outChannels: 32,
      numLayers: 20,
      numAttentionHeads: 70,
      attentionHeadDim: 32,
      numCrossAttentionHeads: 20,
      crossAttentionHeadDim: 112,
      captionChannels: 2304,
      mlpRatio: 2.5,
      attentionBias: false,
      sampleSize: 32,
      patchSize: 1,
      normElementwiseAffine: false,
      normEps: 1e-6,
      interpolationScale: null,
      guidanceEmbeds: false,
      guidanceEmbedsScale: 0.1,
      qkNorm: null,
      timestepScale: 1,
    });
  });

  it("reads every key and ignores those it does not know", () => {
    const config = parse({
      _class_name: "SanaTransformer2DModel",
      _diffusers_version: "0.42.1",
      _name_or_path: 7,
      caption_norm_scale_factor: 0.1,
      in_channels: 8,
      out_channels: 16,
      num_layers: 3,
      num_attention_heads: 4,
      attention_head_dim: 6,
      num_cross_attention_heads: 3,
      cross_attention_head_dim: 10,
      cross_attention_dim: 24,
      caption_channels: 40,
      mlp_ratio: 1.5,
      attention_bias: true,
      sample_size: 64,
      patch_size: 2,
      norm_elementwise_affine: true,
      norm_eps: 1e-5,
      interpolation_scale: 2,
      guidance_embeds: true,
      guidance_embeds_scale: 0.2,
      qk_norm: "rms_norm_across_heads",
      timestep_scale: 0.5,
      dropout: 0.3,
    });
    assert.deepStrictEqual(config, {
      inChannels: 8,
      outChannels: 16,
      numLayers: 3,
      numAttentionHeads: 4,
      attentionHeadDim: 6,
      numCrossAttentionHeads: 3,
      crossAttentionHeadDim: 10,
      captionChannels: 40,
      mlpRatio: 1.5,
      attentionBias: true,
      sampleSize: 64,
      patchSize: 2,
      normElementwiseAffine: true,
      normEps: 1e-5,
      interpolationScale: 2,
      guidanceEmbeds: true,
      guidanceEmbedsScale: 0.2,
      qkNorm: "rms_norm_across_heads",
      timestepScale: 0.5,
    });
  });

  it("knows the older spellings", () => {
    assert.equal(parse({ expand_ratio: 3 }).mlpRatio, 3);
    assert.equal(parse({ expand_ratio: 3, mlp_ratio: 2 }).mlpRatio, 2);
    assert.equal(parse({ in_channels: 16, out_channels: null }).outChannels, 16);
    assert.equal(parse({ in_channels: 16, out_channels: 0 }).outChannels, 16);
  });

  it("names file, key, what was found and what is allowed", async () => {
    const cases: [object, RegExp][] = [
      [{ num_layers: "20" }, /"num_layers" is "20"; it must be a whole number from 1 to 1000/],
      [{ num_layers: 0 }, /"num_layers" is 0;/],
      [{ num_layers: 1001 }, /"num_layers" is 1001;/],
      [{ num_layers: 2.5 }, /"num_layers" is 2.5;/],
      [{ num_layers: Infinity }, /"num_layers" is Infinity;/],
      [{ num_layers: NaN }, /"num_layers" is NaN;/],
      [{ num_layers: null }, /"num_layers" is null;/],
      [{ num_attention_heads: [70] }, /"num_attention_heads" is a list of 1;/],
      [{ num_attention_heads: -70 }, /"num_attention_heads" is -70;/],
      [{ attention_bias: 0 }, /"attention_bias" is 0; it must be true or false/],
      [{ mlp_ratio: 0 }, /"mlp_ratio" is 0; it must be a number above 0/],
      [{ mlp_ratio: NaN }, /"mlp_ratio" is NaN/],
      [{ mlp_ratio: 1e-4 }, /"mlp_ratio" is 0.0001; it must be at least/],
      [{ qk_norm: "layer_norm" }, /"qk_norm" is "layer_norm"; it must be "rms_norm_across_heads"/],
      [{ cross_attention_dim: 2304 }, /"cross_attention_dim" is 2304; it must be 2240/],
      [{ num_attention_heads: 4096 }, /"num_attention_heads · attention_head_dim" is 131072; it must be at most 65536/],
      [{ num_cross_attention_heads: 4096 }, /"num_cross_attention_heads · cross_attention_head_dim" is 458752/],
      [{ out_channels: 33 }, /"out_channels" is 33; it must be 32/],
      [{ interpolation_scale: 0 }, /"interpolation_scale" is 0;/],
      [
        { interpolation_scale: 1, num_attention_heads: 3, attention_head_dim: 2, cross_attention_dim: 6 },
        /"interpolation_scale" is 1; it must be null/,
      ],
      [
        { _class_name: "UNet2DConditionModel" },
        /"_class_name" is "UNet2DConditionModel"; it must be SanaTransformer2DModel/,
      ],
      [{ quantization_config: { bits: 4 } }, /"quantization_config" is an object; it must be null/],
    ];
    for (const [json, pattern] of cases) {
      await assertRefused(() => parse(json), "invalid-checkpoint", /^transformer\/config\.json: /, pattern);
    }
  });

  it("refuses what is not an object, and prints no more of it than fits a line", async () => {
    for (const json of [null, [], 3, "text", "x".repeat(1e6)]) {
      await assertRefused(() => parse(json), "invalid-checkpoint", /it must hold a JSON object/);
    }
    await assertRefused(() => parse({ qk_norm: "x".repeat(1e6) }), "invalid-checkpoint", /"qk_norm" is "x+…"/);
  });
});
