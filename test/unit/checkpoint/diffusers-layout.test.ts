import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { beforeEach, describe, it } from "node:test";
import {
  openAutoencoder,
  openCheckpoint,
  openScheduler,
  openTextEncoder,
  openTransformer,
  requireMatchingComponents,
  tokenizerFile,
} from "../../../sidecar/checkpoint/diffusers-layout";
import { assertRefused, oneTensor, safetensors, temporaryFolder, writeFiles } from "./checkpoint-files";

const folder = temporaryFolder();

const INDEX = {
  _class_name: "SanaPipeline",
  scheduler: ["diffusers", "DPMSolverMultistepScheduler"],
  text_encoder: ["transformers", "Gemma3ForCausalLM"],
  tokenizer: ["transformers", "GemmaTokenizerFast"],
  transformer: ["diffusers", "SanaTransformer2DModel"],
  vae: ["diffusers", "AutoencoderDC"],
};
const SCHEDULER = '{"prediction_type": "flow_prediction", "use_flow_sigmas": true, "lambda_min_clipped": -Infinity}';
const TEXT_ENCODER = {
  vocab_size: 3,
  hidden_size: 2,
  intermediate_size: 4,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  num_key_value_heads: 1,
};
const TABLE = { dtype: "F32", shape: [3, 2], data: new Float32Array(6) };
const VECTOR = { dtype: "F32", shape: [2], data: new Float32Array(2) };

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  writeFiles(folder, {
    "model_index.json": INDEX,
    "scheduler/scheduler_config.json": SCHEDULER,
    "tokenizer/tokenizer.json": {},
    "transformer/config.json": { caption_channels: 2 },
    "transformer/diffusion_pytorch_model.safetensors": oneTensor("t"),
    "vae/config.json": {},
    "vae/diffusion_pytorch_model.safetensors": oneTensor("v"),
    "text_encoder/config.json": TEXT_ENCODER,
    "text_encoder/model.safetensors": safetensors({
      "lm_head.weight": TABLE,
      "model.embed_tokens.weight": TABLE,
      "model.norm.weight": VECTOR,
    }),
  });
});

describe("openCheckpoint and the components", () => {
  it("opens each component with its configuration and weights", async () => {
    const checkpoint = await openCheckpoint(folder);
    assert.deepStrictEqual(checkpoint, {
      folder,
      name: basename(folder),
      pipeline: "SanaPipeline",
      textEncoder: "Gemma3ForCausalLM",
      scheduler: "DPMSolverMultistepScheduler",
      shared: [],
    });
    const transformer = await openTransformer(checkpoint);
    const autoencoder = await openAutoencoder(checkpoint);
    const textEncoder = await openTextEncoder(checkpoint);
    assert.deepStrictEqual([...transformer.weights.tensors.keys()], ["t"]);
    assert.deepStrictEqual([...autoencoder.weights.tensors.keys()], ["v"]);
    // Without the prefix and the head of a causal language model.
    assert.deepStrictEqual([...textEncoder.weights.tensors.keys()], ["embed_tokens.weight", "norm.weight"]);
    assert.equal(textEncoder.config.qkNorm, true);
    assert.equal((await openScheduler(checkpoint)).className, "DPMSolverMultistepScheduler");
    assert.equal(await tokenizerFile(checkpoint), join(folder, "tokenizer", "tokenizer.json"));
    requireMatchingComponents(checkpoint, {
      transformer: transformer.config,
      autoencoder: autoencoder.config,
      textEncoder: textEncoder.config,
    });
  });

  it("finds shared components in the folder above, only those that are declared, and only there", async () => {
    const below = join(folder, "distilled");
    const index = { ...INDEX, _sana_shared_components: ["vae", "text_encoder", "tokenizer"] };
    writeFiles(below, {
      "model_index.json": index,
      "scheduler/scheduler_config.json": SCHEDULER,
      "transformer/config.json": { caption_channels: 2 },
      "transformer/diffusion_pytorch_model.safetensors": oneTensor("t2"),
      // Declared as shared, so these are not looked at.
      "vae/config.json": "no JSON",
      "tokenizer/tokenizer.json": {},
    });
    const checkpoint = await openCheckpoint(below);
    assert.equal((await openAutoencoder(checkpoint)).weights.folder, join(folder, "vae"));
    assert.equal((await openTextEncoder(checkpoint)).weights.folder, join(folder, "text_encoder"));
    assert.equal(await tokenizerFile(checkpoint), join(folder, "tokenizer", "tokenizer.json"));
    assert.deepStrictEqual([...(await openTransformer(checkpoint)).weights.tensors.keys()], ["t2"]);

    // Not one level further up, and not where the key is absent.
    writeFiles(join(below, "deeper"), { "model_index.json": index });
    await assertRefused(
      openAutoencoder(await openCheckpoint(join(below, "deeper"))),
      "invalid-checkpoint",
      /distilled.vae.config\.json is not valid JSON/,
    );
    writeFiles(below, { "model_index.json": INDEX });
    await assertRefused(
      openTextEncoder(await openCheckpoint(below)),
      "invalid-checkpoint",
      /distilled.text_encoder.config\.json does not exist/,
    );
    rmSync(join(folder, "vae"), { recursive: true });
    writeFiles(below, { "model_index.json": index });
    await assertRefused(openAutoencoder(checkpoint), "invalid-checkpoint", /does not exist/);
  });

  it("names what is missing", async () => {
    const checkpoint = await openCheckpoint(folder);
    for (const [file, open] of [
      ["transformer/config.json", openTransformer],
      ["vae/config.json", openAutoencoder],
      ["text_encoder/config.json", openTextEncoder],
      ["scheduler/scheduler_config.json", openScheduler],
      ["tokenizer/tokenizer.json", tokenizerFile],
    ] as const) {
      rmSync(join(folder, file));
      await assertRefused(open(checkpoint), "invalid-checkpoint", new RegExp(`${file} does not exist`));
    }
    rmSync(join(folder, "model_index.json"));
    await assertRefused(openCheckpoint(folder), "invalid-checkpoint", /has no model_index\.json/);
    await assertRefused(openCheckpoint(join(folder, "absent")), "invalid-checkpoint", /absent does not exist/);
    await assertRefused(openCheckpoint(join(folder, "a".repeat(300))), "invalid-checkpoint", /name is too long/);
    writeFileSync(join(folder, "file"), "");
    await assertRefused(openCheckpoint(join(folder, "file")), "invalid-checkpoint", /file is not a folder/);
    await assertRefused(openCheckpoint(join(folder, "file", "x")), "invalid-checkpoint", /x does not exist/);
  });

  it("refuses JSON files that are no files or too large to be one", async () => {
    const checkpoint = await openCheckpoint(folder);
    rmSync(join(folder, "vae/config.json"));
    mkdirSync(join(folder, "vae/config.json"));
    await assertRefused(openAutoencoder(checkpoint), "invalid-checkpoint", /config\.json is a folder/);
    writeFiles(folder, { "transformer/config.json": " ".repeat(33 * 1024 * 1024) });
    await assertRefused(openTransformer(checkpoint), "invalid-checkpoint", /config\.json has 34603008 bytes/);
    writeFiles(folder, { "transformer/config.json": "[".repeat(16 * 1024 * 1024) });
    await assertRefused(openTransformer(checkpoint), "invalid-checkpoint", /config\.json is not valid JSON/);
  });

  it("refuses components that do not go with the pipeline or with each other", async () => {
    const flow = await openCheckpoint(folder);
    writeFiles(folder, { "model_index.json": { ...INDEX, _class_name: "SanaSprintPipeline" } });
    const sprint = await openCheckpoint(folder);
    await assertRefused(
      openScheduler(sprint),
      "invalid-checkpoint",
      /model_index\.json: the scheduler DPM\w+ does not go/,
    );
    await assertRefused(openTransformer(sprint), "invalid-checkpoint", /"guidance_embeds" is false; it must be true/);
    writeFiles(folder, { "transformer/config.json": { guidance_embeds: true } });
    await assertRefused(openTransformer(flow), "invalid-checkpoint", /"guidance_embeds" is true; it must be false/);

    const { config: autoencoder } = await openAutoencoder(flow);
    const { config: textEncoder } = await openTextEncoder(flow);
    const { config: transformer } = await openTransformer(sprint);
    await assertRefused(
      () => {
        requireMatchingComponents(flow, { transformer, autoencoder, textEncoder });
      },
      "invalid-checkpoint",
      /caption_channels, 2304, must equal text_encoder hidden_size, 2/,
    );
    const channels = { transformer: { ...transformer, captionChannels: 2, inChannels: 16 }, autoencoder, textEncoder };
    await assertRefused(
      () => {
        requireMatchingComponents(flow, channels);
      },
      "invalid-checkpoint",
      /in_channels, 16, must equal vae latent_channels, 32/,
    );
  });

  it("refuses an embedding table that is missing or of another shape than the configuration says", async () => {
    const checkpoint = await openCheckpoint(folder);
    const cases: [Parameters<typeof safetensors>[0], RegExp][] = [
      [{ "norm.weight": VECTOR }, /"embed_tokens\.weight" is missing/],
      [
        { "embed_tokens.weight": { ...TABLE, shape: [2, 3] } },
        /has the shape \[2, 3\], but config\.json asks for \[3, 2\]/,
      ],
      [{ "embed_tokens.weight": { ...TABLE, shape: [6] } }, /has the shape \[6\]/],
      [{ "embed_tokens.weight": { dtype: "U8", shape: [3, 2], data: new Uint8Array(6) } }, /asks for \[3, 1\]/],
    ];
    for (const [tensors, pattern] of cases) {
      writeFiles(folder, { "text_encoder/model.safetensors": safetensors(tensors) });
      await assertRefused(openTextEncoder(checkpoint), "invalid-weights", /text_encoder/, pattern);
    }
  });
});
