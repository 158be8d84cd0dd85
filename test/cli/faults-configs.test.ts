import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertRefused } from "./assert-refused";
import { describeFaults, type Fault } from "./checkpoint-faults";
import { editJson, TINY_JOB, withWorkplace } from "./fixtures";

const INDEX = "model_index.json";
const TRANSFORMER = "transformer/config.json";
const AUTOENCODER = "vae/config.json";
const TEXT_ENCODER = "text_encoder/config.json";
const SCHEDULER = "scheduler/scheduler_config.json";
const TOKENIZER = "tokenizer/tokenizer.json";
const DEFAULTS = "generation_defaults.json";
const CONFIGS = [INDEX, TRANSFORMER, AUTOENCODER, TEXT_ENCODER, SCHEDULER, TOKENIZER];

/** A value in a configuration that must be refused by file and key. */
function valued(file: string, key: string, value: unknown, names = new RegExp(`${file}.*${key}`)): Fault {
  const shown = JSON.stringify(value) as string | undefined;
  return {
    name: `${file} with ${key} ${shown === undefined ? "missing" : shown.slice(0, 40)}`,
    names,
    damage: (checkpoint) => {
      editJson(join(checkpoint, file), (json) => {
        if (value === undefined) Reflect.deleteProperty(json, key);
        else json[key] = value;
      });
    },
  };
}

/** Anything in the place of a file. */
function contents(file: string, name: string, text: string | Buffer, names = new RegExp(file)): Fault {
  return {
    name: `${file} that is ${name}`,
    names,
    damage: (checkpoint) => {
      writeFileSync(join(checkpoint, file), text);
    },
  };
}

function missing(file: string): Fault {
  return {
    name: `${file} that does not exist`,
    names: new RegExp(file),
    damage: (checkpoint) => {
      rmSync(join(checkpoint, file), { recursive: true });
    },
  };
}

const FILES: readonly Fault[] = [
  ...CONFIGS.map(missing),
  ...CONFIGS.map((file) => contents(file, "empty", "")),
  ...CONFIGS.map((file) => contents(file, "cut off", '{"_class_name": "Sana')),
  ...CONFIGS.map((file) => contents(file, "null", "null")),
  ...CONFIGS.map((file) => contents(file, "a list", "[1, 2]")),
  ...CONFIGS.map((file) => contents(file, "nested 1,000,000 deep", "[".repeat(1_000_000))),
  ...CONFIGS.map((file) => contents(file, "not UTF-8", Buffer.of(0x7b, 0x22, 0xff, 0x22, 0x7d))),
  ...["transformer", "vae", "text_encoder", "scheduler", "tokenizer"].map(missing),
  {
    name: `${TRANSFORMER} that is a folder`,
    names: new RegExp(TRANSFORMER),
    damage: (checkpoint) => {
      rmSync(join(checkpoint, TRANSFORMER));
      mkdirSync(join(checkpoint, TRANSFORMER));
    },
  },
  {
    name: "vae that is a file",
    names: /vae/,
    damage: (checkpoint) => {
      rmSync(join(checkpoint, "vae"), { recursive: true });
      writeFileSync(join(checkpoint, "vae"), "{}");
    },
  },
  {
    name: `${TRANSFORMER} with a key that occurs twice`,
    names: new RegExp(TRANSFORMER),
    damage: (checkpoint) => {
      const path = join(checkpoint, TRANSFORMER);
      writeFileSync(path, readFileSync(path, "utf8").replace("{", '{"num_layers": 3,'));
    },
  },
];

const CLASSES: readonly Fault[] = [
  valued(INDEX, "_class_name", "StableDiffusionPipeline"),
  valued(INDEX, "_class_name", "constructor"),
  valued(INDEX, "_class_name", undefined),
  valued(INDEX, "_class_name", 1),
  valued(INDEX, "transformer", ["diffusers", "FluxTransformer2DModel"]),
  valued(INDEX, "vae", ["diffusers", "AutoencoderKL"]),
  valued(INDEX, "vae", [null, null]),
  valued(INDEX, "vae", "AutoencoderDC"),
  valued(INDEX, "text_encoder", ["transformers", "T5EncoderModel"]),
  valued(INDEX, "text_encoder", undefined),
  valued(INDEX, "scheduler", ["diffusers", "DDIMScheduler"]),
  valued(INDEX, "scheduler", ["diffusers", "SCMScheduler"], /scheduler/),
  valued(INDEX, "_class_name", "SanaSprintPipeline", /guidance_embeds|scheduler/),
  valued(TRANSFORMER, "_class_name", "FluxTransformer2DModel"),
  valued(AUTOENCODER, "_class_name", "AutoencoderKL"),
];

const SCHEDULERS: readonly Fault[] = [
  valued(SCHEDULER, "prediction_type", "epsilon"),
  valued(SCHEDULER, "prediction_type", "v_prediction"),
  valued(SCHEDULER, "prediction_type", undefined),
  valued(SCHEDULER, "use_flow_sigmas", false),
  valued(SCHEDULER, "algorithm_type", "sde-dpmsolver++"),
  valued(SCHEDULER, "solver_order", 7),
  valued(SCHEDULER, "num_train_timesteps", 0),
  valued(SCHEDULER, "num_train_timesteps", 1e15),
  valued(SCHEDULER, "flow_shift", 0),
  valued(SCHEDULER, "flow_shift", "3"),
  valued(SCHEDULER, "use_karras_sigmas", true),
];

const NUMBERS: readonly Fault[] = [
  valued(TRANSFORMER, "num_layers", 1e9),
  valued(TRANSFORMER, "num_layers", 0),
  valued(TRANSFORMER, "num_layers", -3),
  valued(TRANSFORMER, "num_layers", 2.5),
  valued(TRANSFORMER, "num_layers", "3"),
  valued(TRANSFORMER, "num_layers", null),
  valued(TRANSFORMER, "num_layers", [3]),
  valued(TRANSFORMER, "num_layers", { __proto__: null, valueOf: 3 }),
  valued(TRANSFORMER, "num_attention_heads", 1e12),
  valued(TRANSFORMER, "patch_size", 0),
  valued(TRANSFORMER, "sample_size", 0),
  valued(TRANSFORMER, "mlp_ratio", -1),
  valued(TRANSFORMER, "mlp_ratio", 1e300),
  valued(TRANSFORMER, "norm_eps", "1e-6"),
  valued(TRANSFORMER, "attention_bias", "false"),
  valued(TRANSFORMER, "qk_norm", "layer_norm"),
  valued(TRANSFORMER, "guidance_embeds", true),
  valued(AUTOENCODER, "scaling_factor", 0),
  valued(AUTOENCODER, "scaling_factor", -0.4),
  valued(AUTOENCODER, "scaling_factor", "0.41407"),
  valued(AUTOENCODER, "latent_channels", 0),
  valued(AUTOENCODER, "in_channels", 4),
  valued(AUTOENCODER, "attention_head_dim", 0),
  valued(AUTOENCODER, "decoder_block_out_channels", []),
  valued(
    AUTOENCODER,
    "decoder_block_out_channels",
    Array.from({ length: 100_000 }, () => 4),
  ),
  valued(AUTOENCODER, "decoder_block_out_channels", [4, 4, 8]),
  valued(AUTOENCODER, "decoder_layers_per_block", [1, 1, 2, 1, 1, 1_000_000]),
  valued(AUTOENCODER, "decoder_block_types", "SwinBlock"),
  valued(AUTOENCODER, "decoder_qkv_multiscales", [[], [], [], [1001], [5], [5]]),
  valued(AUTOENCODER, "decoder_act_fns", "gelu"),
  valued(TEXT_ENCODER, "num_hidden_layers", 1e9),
  valued(TEXT_ENCODER, "num_hidden_layers", undefined),
  valued(TEXT_ENCODER, "hidden_size", "40"),
  valued(TEXT_ENCODER, "num_attention_heads", 0),
  valued(TEXT_ENCODER, "num_key_value_heads", 3),
  valued(TEXT_ENCODER, "head_dim", 15),
  valued(TEXT_ENCODER, "vocab_size", 1e12),
  valued(TEXT_ENCODER, "hidden_activation", "relu"),
  valued(TEXT_ENCODER, "rms_norm_eps", 0),
  valued(TEXT_ENCODER, "sliding_window", 0),
  valued(TEXT_ENCODER, "layer_types", ["full_attention"]),
  valued(TEXT_ENCODER, "model_type", "llama"),
  {
    name: `${AUTOENCODER} with a scaling factor that is NaN`,
    names: /vae\/config\.json.*scaling_factor/,
    damage: (checkpoint) => {
      const path = join(checkpoint, AUTOENCODER);
      writeFileSync(path, readFileSync(path, "utf8").replace("0.41407", "NaN"));
    },
  },
  {
    name: `${TRANSFORMER} with a number that is infinite`,
    names: /transformer\/config\.json.*mlp_ratio/,
    damage: (checkpoint) => {
      const path = join(checkpoint, TRANSFORMER);
      writeFileSync(path, readFileSync(path, "utf8").replace("1.75", "1e999"));
    },
  },
];

/** Values that are allowed by themselves but do not agree with the tensors or with another component. */
const DISAGREEMENTS: readonly Fault[] = [
  valued(TRANSFORMER, "num_layers", 4, /transformer.*transformer_blocks\.3\./),
  valued(TRANSFORMER, "num_layers", 1000, /transformer.*transformer_blocks\.3\./),
  valued(TRANSFORMER, "in_channels", 16, /transformer/),
  valued(TRANSFORMER, "mlp_ratio", 2.5, /transformer/),
  valued(TRANSFORMER, "caption_channels", 48, /caption_(channels|projection)/),
  valued(TRANSFORMER, "num_attention_heads", 4, /transformer/),
  valued(TRANSFORMER, "patch_size", 2, /transformer/),
  valued(TRANSFORMER, "qk_norm", "rms_norm_across_heads", /transformer.*norm_[qk]/),
  valued(TRANSFORMER, "norm_elementwise_affine", true, /transformer.*norm/),
  valued(AUTOENCODER, "latent_channels", 4, /vae|in_channels/),
  valued(AUTOENCODER, "decoder_layers_per_block", [1, 1, 2, 1, 1, 2], /vae.*decoder/),
  valued(AUTOENCODER, "decoder_qkv_multiscales", [[], [], [], [7], [5], [5]], /vae.*decoder/),
  valued(TEXT_ENCODER, "hidden_size", 48, /text_encoder/),
  valued(TEXT_ENCODER, "vocab_size", 897, /text_encoder/),
  valued(TEXT_ENCODER, "num_hidden_layers", 5, /text_encoder.*layers\.4\./),
  valued(TEXT_ENCODER, "intermediate_size", 64, /text_encoder.*mlp/),
  valued(TEXT_ENCODER, "num_key_value_heads", 4, /text_encoder.*[kv]_proj/),
];

/** A model of the tokenizer that is as small as can be. */
function bpe(change: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const switches = { fuse_unk: true, byte_fallback: true, ignore_merges: false };
  return { type: "BPE", dropout: null, unk_token: null, vocab: { a: 1 }, merges: [], ...switches, ...change };
}

const TOKENIZERS: readonly Fault[] = [
  valued(TOKENIZER, "model", { type: "WordPiece", vocab: {} }),
  valued(TOKENIZER, "model", bpe({ vocab: { a: -1 } }), /tokenizer\.json.*(vocab|id of a)/),
  valued(TOKENIZER, "model", bpe({ vocab: { a: 1e300 } }), /tokenizer\.json.*(vocab|id of a)/),
  valued(TOKENIZER, "model", bpe({ vocab: [] }), /tokenizer\.json.*vocab/),
  valued(TOKENIZER, "model", bpe({ merges: [1] }), /tokenizer\.json.*merges/),
  valued(TOKENIZER, "model", bpe({ merges: ["no-space"] }), /tokenizer\.json.*merges/),
  valued(TOKENIZER, "model", bpe({ merges: [["a"]] }), /tokenizer\.json.*merges/),
  valued(TOKENIZER, "model", bpe({ unk_token: "toString" }), /tokenizer\.json.*toString/),
  valued(TOKENIZER, "added_tokens", [{ id: "2", content: "<bos>" }]),
  valued(TOKENIZER, "normalizer", { type: "NFKC" }),
  valued(TOKENIZER, "normalizer", undefined),
  {
    name: "a tokenizer whose ids the text encoder does not have",
    names: /tokeni[sz]er|embed_tokens|vocab/,
    damage: (checkpoint) => {
      editJson(join(checkpoint, TOKENIZER), (json) => {
        const { vocab } = json["model"] as { vocab: Record<string, number> };
        for (const token of Object.keys(vocab)) vocab[token]! += 1000;
      });
    },
  },
];

const GENERATION_DEFAULTS: readonly Fault[] = [
  contents(DEFAULTS, "not JSON", "{"),
  contents(DEFAULTS, "a list", "[]"),
  contents(DEFAULTS, "wide as a string", '{"width": "512"}', /generation_defaults\.json.*width/),
  contents(DEFAULTS, "0 steps", '{"numInferenceSteps": 0}', /generation_defaults\.json.*numInferenceSteps/),
  contents(DEFAULTS, "0 tokens", '{"maxSequenceLength": 0}', /generation_defaults\.json.*maxSequenceLength/),
  contents(
    DEFAULTS,
    "with angles for no Sprint",
    '{"timesteps": {"1": [1.5]}}',
    /generation_defaults\.json.*timesteps/,
  ),
  contents(DEFAULTS, "of unknown keys", '{"widht": 512}', /generation_defaults\.json.*widht/),
  contents(DEFAULTS, "without finite guidance", '{"guidanceScale": NaN}', /generation_defaults\.json.*guidanceScale/),
];

describeFaults([
  ["a checkpoint's file", FILES],
  ["a class that is not Sana's", CLASSES],
  ["an unsupported scheduler", SCHEDULERS],
  ["a value that is not allowed", NUMBERS],
  ["a configuration that disagrees", DISAGREEMENTS],
  ["an unusable tokenizer", TOKENIZERS],
  ["unusable generation defaults", GENERATION_DEFAULTS],
]);

describe("a checkpoint folder", { concurrency: 4 }, () => {
  const folders: readonly { name: string; path: string; names: RegExp }[] = [
    { name: "that does not exist", path: "no/such/folder", names: /no\/such\/folder/ },
    { name: "that is a file", path: "../checkpoint/model_index.json", names: /model_index\.json/ },
    { name: "that is empty", path: ".", names: /model_index\.json/ },
    { name: "that is a device", path: "/dev/null", names: /\/dev\/null/ },
    { name: "whose name is too long", path: "x".repeat(300), names: /too long/ },
    { name: "whose name holds line breaks and colours", path: "a\n\u001b[31mb", names: /a .*b/ },
  ];
  for (const { name, path, names } of folders) {
    it(name, () =>
      withWorkplace(async (place) => {
        await assertRefused(place, ["generate", "a fox", "--model", path, ...TINY_JOB], { names });
      }),
    );
  }
});
