import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TextEncoderConfig } from "../../../sidecar/checkpoint/configs";
import { parseTextEncoderConfig, type TextEncoderClass } from "../../../sidecar/checkpoint/text-encoder-config";
import { assertRefused } from "./checkpoint-files";

const SIZES = {
  vocab_size: 100,
  hidden_size: 8,
  intermediate_size: 16,
  num_hidden_layers: 7,
  num_attention_heads: 4,
  num_key_value_heads: 2,
};

function parse(className: TextEncoderClass, json: object): TextEncoderConfig {
  return parseTextEncoderConfig(json, { file: "text_encoder/config.json", className });
}
const gemma2 = (json: object): TextEncoderConfig => parse("Gemma2Model", { ...SIZES, ...json });
const gemma3 = (json: object): TextEncoderConfig => parse("Gemma3TextModel", { ...SIZES, ...json });

// The expected values are those that the configuration classes of transformers 5.23.0 give for the same keys.
describe("parseTextEncoderConfig for Gemma 2", () => {
  it("fills in the class's defaults", () => {
    assert.deepStrictEqual(gemma2({}), {
      vocabSize: 100,
      hiddenSize: 8,
      intermediateSize: 16,
      numHiddenLayers: 7,
      numAttentionHeads: 4,
      numKeyValueHeads: 2,
      headDim: 256,
      rmsNormEps: 1e-6,
      queryPreAttnScalar: 256,
      attnLogitSoftcapping: 50,
      layerTypes: ["sliding", "full", "sliding", "full", "sliding", "full", "sliding"],
      slidingWindow: 4096,
      rope: { sliding: { theta: 10_000, factor: 1 }, full: { theta: 10_000, factor: 1 } },
      qkNorm: false,
    });
  });

  it("reads older and newer spellings of the rotary embedding", () => {
    const linear = { rope_type: "linear", factor: 4 };
    const cases: [object, { theta: number; factor: number }][] = [
      [{ rope_theta: 5 }, { theta: 5, factor: 1 }],
      [{ rope_parameters: { rope_theta: 7, rope_type: "default" } }, { theta: 7, factor: 1 }],
      [
        { rope_parameters: { rope_theta: 7 }, rope_theta: 5 },
        { theta: 7, factor: 1 },
      ],
      [{ rope_parameters: { ...linear, rope_theta: 7 } }, { theta: 7, factor: 4 }],
      [
        { rope_scaling: linear, rope_theta: 5 },
        { theta: 5, factor: 4 },
      ],
      [{ rope_scaling: { type: "linear", factor: 2 } }, { theta: 10_000, factor: 2 }],
      [
        { rope_scaling: null, rope_parameters: null },
        { theta: 10_000, factor: 1 },
      ],
    ];
    for (const [json, expected] of cases) {
      assert.deepStrictEqual(gemma2(json).rope, { sliding: expected, full: expected }, JSON.stringify(json));
    }
  });

  it("tells a soft-cap that is off from one that is not mentioned", () => {
    assert.equal(gemma2({ attn_logit_softcapping: null }).attnLogitSoftcapping, null);
    assert.equal(gemma2({ attn_logit_softcapping: 20 }).attnLogitSoftcapping, 20);
  });

  it("ignores Gemma 3's pattern of layers", () => {
    assert.equal(gemma2({ sliding_window_pattern: 6 }).layerTypes[1], "full");
  });
});

describe("parseTextEncoderConfig for Gemma 3", () => {
  it("fills in the class's defaults", () => {
    const config = gemma3({});
    assert.deepStrictEqual(config.layerTypes, [...Array<"sliding">(5).fill("sliding"), "full", "sliding"]);
    assert.deepStrictEqual(config.rope, {
      sliding: { theta: 10_000, factor: 1 },
      full: { theta: 1_000_000, factor: 1 },
    });
    assert.equal(config.attnLogitSoftcapping, null);
    assert.equal(config.qkNorm, true);
  });

  it("reads older and newer spellings of the rotary embeddings", () => {
    const linear = { rope_type: "linear", factor: 8 };
    const cases: [object, TextEncoderConfig["rope"]][] = [
      [
        { rope_theta: 5, rope_local_base_freq: 7 },
        { sliding: { theta: 7, factor: 1 }, full: { theta: 5, factor: 1 } },
      ],
      [{ rope_scaling: linear }, { sliding: { theta: 10_000, factor: 1 }, full: { theta: 1_000_000, factor: 8 } }],
      [
        {
          rope_theta: 5,
          rope_parameters: { full_attention: { ...linear, rope_theta: 3 }, sliding_attention: { rope_theta: 2 } },
        },
        { sliding: { theta: 2, factor: 1 }, full: { theta: 3, factor: 8 } },
      ],
      [
        { rope_parameters: { full_attention: { rope_theta: 3 } } },
        { sliding: { theta: 10_000, factor: 1 }, full: { theta: 3, factor: 1 } },
      ],
      [
        { rope_parameters: { rope_theta: 3, rope_type: "default" } },
        { sliding: { theta: 10_000, factor: 1 }, full: { theta: 1_000_000, factor: 1 } },
      ],
    ];
    for (const [json, expected] of cases) assert.deepStrictEqual(gemma3(json).rope, expected, JSON.stringify(json));
  });

  it("prefers the list of layers to a pattern", () => {
    const listed = ["full_attention", "sliding_attention", "full_attention"];
    const config = gemma3({
      num_hidden_layers: 3,
      layer_types: listed,
      sliding_window_pattern: 2,
      sliding_window: 512,
    });
    assert.deepStrictEqual(config.layerTypes, ["full", "sliding", "full"]);
    assert.equal(config.slidingWindow, 512);
    assert.deepStrictEqual(gemma3({ num_hidden_layers: 3, layer_types: null, sliding_window_pattern: 2 }).layerTypes, [
      "sliding",
      "full",
      "sliding",
    ]);
  });

  it("reads the configuration of the causal language model as well", () => {
    assert.deepStrictEqual(parse("Gemma3ForCausalLM", SIZES), gemma3({}));
    assert.deepStrictEqual(parse("Gemma2ForCausalLM", SIZES), gemma2({}));
  });

  it("needs no window where no layer slides", () => {
    const full = gemma3({ num_hidden_layers: 1, layer_types: ["full_attention"], sliding_window: null });
    assert.equal(full.slidingWindow, Infinity);
  });
});

describe("parseTextEncoderConfig", () => {
  it("misses every size that is not there", async () => {
    for (const key of Object.keys(SIZES)) {
      const rest = Object.fromEntries(Object.entries(SIZES).filter(([name]) => name !== key));
      const pattern = new RegExp(`^text_encoder/config\\.json: the key "${key}" is missing$`);
      for (const className of ["Gemma2Model", "Gemma3TextModel"] as const) {
        await assertRefused(() => parse(className, rest), "invalid-checkpoint", pattern);
      }
    }
  });

  it("names file, key, what was found and what is allowed", async () => {
    const cases: [object, RegExp][] = [
      [{ hidden_size: 0 }, /"hidden_size" is 0;/],
      [{ vocab_size: 1e9 }, /"vocab_size" is 1000000000;/],
      [{ head_dim: 15 }, /"head_dim" is 15; it must be even/],
      [{ num_attention_heads: 3 }, /"num_attention_heads" is 3; it must be a multiple of num_key_value_heads, 2/],
      [{ num_attention_heads: 4096, head_dim: 256 }, /"num_attention_heads · head_dim" is 1048576;/],
      [{ hidden_activation: "gelu" }, /"hidden_activation" is "gelu"; it must be gelu_pytorch_tanh/],
      [{ attention_bias: true }, /"attention_bias" is true; it must be false/],
      [{ use_bidirectional_attention: true }, /"use_bidirectional_attention" is true; it must be false/],
      [{ layer_types: ["full_attention"] }, /"layer_types" is a list of 1; it must be a list of 7/],
      [{ layer_types: Array(7).fill("chunked_attention") }, /"layer_types.0" is "chunked_attention";/],
      [{ sliding_window: null }, /"sliding_window" is null; it must be a whole number/],
      [
        { rope_scaling: { rope_type: "yarn", factor: 2 } },
        /"rope_scaling.rope_type" is "yarn"; it must be "default" or "linear"/,
      ],
      [{ rope_scaling: { rope_type: "linear" } }, /"rope_type" is "linear"; it must be "default" where no factor/],
      [{ query_pre_attn_scalar: 0 }, /"query_pre_attn_scalar" is 0;/],
      [{ attn_logit_softcapping: -1 }, /"attn_logit_softcapping" is -1;/],
      [{ model_type: "llama" }, /"model_type" is "llama"; it must be gemma/],
      [{ quantization_config: {} }, /"quantization_config" is an object;/],
    ];
    for (const [json, pattern] of cases) {
      await assertRefused(() => gemma2(json), "invalid-checkpoint", /^text_encoder\/config\.json: /, pattern);
      await assertRefused(() => gemma3(json), "invalid-checkpoint", /^text_encoder\/config\.json: /, pattern);
    }
    await assertRefused(() => gemma2({ model_type: "gemma3_text" }), "invalid-checkpoint", /"model_type"/);
    await assertRefused(() => gemma3({ model_type: "gemma2" }), "invalid-checkpoint", /"model_type"/);
  });
});
