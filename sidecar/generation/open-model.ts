import type { AutoencoderConfig, SchedulerConfig, TransformerConfig } from "../checkpoint/configs";
import {
  openAutoencoder,
  openCheckpoint,
  openScheduler,
  openTextEncoder,
  openTransformer,
  requireMatchingComponents,
  tokenizerFile,
  type Checkpoint,
} from "../checkpoint/diffusers-layout";
import { readGenerationDefaults, type GenerationDefaults } from "../checkpoint/generation-defaults";
import type { WeightDirectory } from "../checkpoint/weights";
import type { SanaModels } from "../pipeline/models";
import { prepareDecoder, prepareEncoder } from "../runtime/autoencoder";
import { computeFor, type Compute, type ComputeChoice } from "../runtime/compute";
import { openTokenizer, type GemmaTokenizer } from "../tokenizer/gemma-tokenizer";
import { textEncoderLoader, transformerLoader } from "./network-loaders";

/** A checkpoint that has been read and checked, apart from its weights' hashes. Any number of pictures can be made. */
export interface OpenModel {
  readonly checkpoint: Checkpoint;
  readonly defaults: GenerationDefaults;
  readonly configs: { readonly transformer: TransformerConfig; readonly autoencoder: AutoencoderConfig };
  readonly scheduler: SchedulerConfig;
  readonly tokenizer: GemmaTokenizer;
  /** Every file of weights, for `checkWeights`. */
  readonly weights: readonly WeightDirectory[];
  /** What loads the networks. None is loaded yet; see KeptModels for what keeps them. */
  readonly models: SanaModels;
  /** What those compute with. */
  readonly compute: Compute;
}

/**
 * Throws a SanaError for whatever is wrong with the checkpoint: its files, configurations, tensor names and shapes.
 * `notify` is told in one line what takes long when a network is first loaded: quantising its weights.
 */
export async function openModel(
  folder: string,
  choice: ComputeChoice,
  notify: (message: string) => void = () => undefined,
): Promise<OpenModel> {
  const checkpoint = await openCheckpoint(folder);
  const defaults = await readGenerationDefaults(checkpoint);
  const compute = computeFor(choice, defaults);
  const [transformer, autoencoder, textEncoder, scheduler] = await Promise.all([
    openTransformer(checkpoint),
    openAutoencoder(checkpoint),
    openTextEncoder(checkpoint),
    openScheduler(checkpoint),
  ]);
  const configs = { transformer: transformer.config, autoencoder: autoencoder.config };
  requireMatchingComponents(checkpoint, { ...configs, textEncoder: textEncoder.config });
  const models: SanaModels = {
    textEncoder: textEncoderLoader(textEncoder, { compute, notify }),
    transformer: transformerLoader(transformer, { compute, notify }),
    decoder: prepareDecoder(autoencoder.config, autoencoder.weights, compute),
    encoder: prepareEncoder(autoencoder.config, autoencoder.weights, compute),
  };
  return {
    checkpoint,
    defaults,
    configs,
    scheduler,
    tokenizer: await openTokenizer(await tokenizerFile(checkpoint)),
    weights: [transformer.weights, autoencoder.weights, textEncoder.weights],
    models,
    compute,
  };
}
