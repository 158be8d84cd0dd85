import { basename, dirname, join, resolve } from "node:path";
import { SanaError } from "../errors";
import { parseAutoencoderConfig } from "./autoencoder-config";
import type { AutoencoderConfig, SchedulerConfig, TextEncoderConfig, TransformerConfig } from "./configs";
import { listFolder, readJson, regularFile } from "./files";
import { parseModelIndex, type ModelIndex, type ShareableComponent } from "./model-index";
import { parseSchedulerConfig } from "./scheduler-config";
import { parseTextEncoderConfig } from "./text-encoder-config";
import { parseTransformerConfig } from "./transformer-config";
import { openWeights } from "./weight-files";
import type { WeightDirectory } from "./weights";

const EMBEDDING = "embed_tokens.weight";

/** A checkpoint folder in the layout of diffusers. Only its model_index.json has been read. */
export interface Checkpoint extends ModelIndex {
  /** Absolute path. */
  readonly folder: string;
  /** The folder's own name. */
  readonly name: string;
}

/** A component that is ready to be built into a graph. Its weights are still on disk. */
export interface Component<Config> {
  readonly config: Config;
  readonly weights: WeightDirectory;
}

/** Throws `invalid-checkpoint` where the folder is not a checkpoint of a Sana pipeline. */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  const folder = resolve(path);
  if (!(await listFolder(folder)).includes("model_index.json")) {
    throw new SanaError(
      "invalid-checkpoint",
      `${folder} has no model_index.json; a folder in the diffusers layout is needed`,
    );
  }
  const file = join(folder, "model_index.json");
  return { folder, name: basename(folder), ...parseModelIndex(await readJson(file), file) };
}

/**
 * Where a component that may be shared lies: in the checkpoint's own folder, or in the one directly above it where
 * model_index.json says so. The one above is that of the path as it was given, symbolic links not followed.
 */
export function componentFolder(
  checkpoint: Pick<Checkpoint, "folder" | "shared">,
  component: ShareableComponent,
): string {
  const { folder, shared } = checkpoint;
  return join(shared.includes(component) ? dirname(folder) : folder, component);
}

/** Reads transformer/config.json and the headers of its weights. Throws `invalid-checkpoint` or `invalid-weights`. */
export async function openTransformer(checkpoint: Checkpoint): Promise<Component<TransformerConfig>> {
  const folder = join(checkpoint.folder, "transformer");
  const file = join(folder, "config.json");
  const config = parseTransformerConfig(await readJson(file), file);
  // Sprint's pipeline feeds the guidance scale to the model, the other one cannot.
  const isSprint = checkpoint.pipeline === "SanaSprintPipeline";
  if (config.guidanceEmbeds !== isSprint) {
    throw new SanaError(
      "invalid-checkpoint",
      `${file}: "guidance_embeds" is ${String(config.guidanceEmbeds)}; it must be ${String(isSprint)} for ${checkpoint.pipeline}`,
    );
  }
  return { config, weights: await openWeights(folder, "diffusion_pytorch_model") };
}

/** Reads vae/config.json and the headers of its weights. Throws `invalid-checkpoint` or `invalid-weights`. */
export async function openAutoencoder(checkpoint: Checkpoint): Promise<Component<AutoencoderConfig>> {
  const folder = componentFolder(checkpoint, "vae");
  const file = join(folder, "config.json");
  const config = parseAutoencoderConfig(await readJson(file), file);
  return { config, weights: await openWeights(folder, "diffusion_pytorch_model") };
}

/** Reads text_encoder/config.json and the headers of its weights. Throws `invalid-checkpoint` or `invalid-weights`. */
export async function openTextEncoder(checkpoint: Checkpoint): Promise<Component<TextEncoderConfig>> {
  const folder = componentFolder(checkpoint, "text_encoder");
  const file = join(folder, "config.json");
  const config = parseTextEncoderConfig(await readJson(file), { file, className: checkpoint.textEncoder });
  const weights = withoutModelPrefix(await openWeights(folder, "model"));
  requireEmbedding(config, weights);
  return { config, weights };
}

/** Reads scheduler/scheduler_config.json. Throws `invalid-checkpoint`. */
export async function openScheduler(checkpoint: Checkpoint): Promise<SchedulerConfig> {
  const file = join(checkpoint.folder, "scheduler", "scheduler_config.json");
  const config = parseSchedulerConfig(await readJson(file), { file, className: checkpoint.scheduler });
  // Sprint's timesteps are angles, those of every other model are flow times: neither scheduler knows the other's.
  const isSprint = checkpoint.pipeline === "SanaSprintPipeline";
  if ((config.className === "SCMScheduler") !== isSprint) {
    throw new SanaError(
      "invalid-checkpoint",
      `${join(checkpoint.folder, "model_index.json")}: the scheduler ${config.className} does not go with ${checkpoint.pipeline}`,
    );
  }
  return config;
}

/** The absolute path of the checkpoint's tokenizer.json. Throws `invalid-checkpoint` where there is none. */
export async function tokenizerFile(checkpoint: Checkpoint): Promise<string> {
  const path = join(componentFolder(checkpoint, "tokenizer"), "tokenizer.json");
  await regularFile(path, "invalid-checkpoint");
  return path;
}

/** Throws `invalid-checkpoint` unless each component's output fits the input of the one that reads it. */
export function requireMatchingComponents(
  checkpoint: Checkpoint,
  configs: { transformer: TransformerConfig; autoencoder: AutoencoderConfig; textEncoder: TextEncoderConfig },
): void {
  const { transformer, autoencoder, textEncoder } = configs;
  const mismatch = (reader: string, writer: string): SanaError =>
    new SanaError("invalid-checkpoint", `${checkpoint.folder}: transformer ${reader} must equal ${writer}`);
  if (transformer.captionChannels !== textEncoder.hiddenSize) {
    throw mismatch(
      `caption_channels, ${transformer.captionChannels},`,
      `text_encoder hidden_size, ${textEncoder.hiddenSize}`,
    );
  }
  if (transformer.inChannels !== autoencoder.latentChannels) {
    throw mismatch(`in_channels, ${transformer.inChannels},`, `vae latent_channels, ${autoencoder.latentChannels}`);
  }
}

/** The embedding table is the one tensor that no graph holds: its rows are read one by one. */
function requireEmbedding({ vocabSize, hiddenSize }: TextEncoderConfig, weights: WeightDirectory): void {
  const tensor = weights.tensors.get(EMBEDDING);
  if (tensor === undefined) {
    throw new SanaError("invalid-weights", `${weights.folder}: the tensor "${EMBEDDING}" is missing`);
  }
  // Two 4-bit numbers share a byte.
  const columns = tensor.dtype === "U8" ? hiddenSize / 2 : hiddenSize;
  if (tensor.shape.length !== 2 || tensor.shape[0] !== vocabSize || tensor.shape[1] !== columns) {
    throw new SanaError(
      "invalid-weights",
      `${weights.folder}: the tensor "${EMBEDDING}" has the shape [${tensor.shape.join(", ")}], but config.json asks for [${vocabSize}, ${columns}]`,
    );
  }
}

/** A causal language model keeps the decoder, which is all that Sana uses of it, under `model.`, beside its head. */
function withoutModelPrefix(weights: WeightDirectory): WeightDirectory {
  const prefix = "model.";
  if (!weights.tensors.has(prefix + EMBEDDING)) return weights;
  const decoder = [...weights.tensors].filter(([name]) => name.startsWith(prefix));
  return { ...weights, tensors: new Map(decoder.map(([name, tensor]) => [name.slice(prefix.length), tensor])) };
}
