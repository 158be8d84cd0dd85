import type { TextEncoderConfig } from "../checkpoint/configs";
import { readRows } from "../checkpoint/safetensors";
import type { WeightDirectory } from "../checkpoint/weights";
import { attentionBias, buildTextEncoder, cacheNames, rotaryTables } from "../models/gemma-text-encoder";
import type { FloatTensor } from "../tensor/float-tensor";
import type { Compute } from "./compute";
import { createSession, type OnnxSession } from "./onnx-session";

/**
 * Checks that the weights are those of the configuration (throws `invalid-weights`) and returns what loads them.
 * float32 in either precision.
 */
export function prepareTextEncoder(
  config: TextEncoderConfig,
  weights: WeightDirectory,
  { provider }: Compute,
): () => Promise<TextEncoder> {
  const model = buildTextEncoder(config, weights);
  return async () => new TextEncoder(config, weights, await createSession(model, { runsOften: false, provider }));
}

interface Prefix {
  readonly tokenIds: readonly number[];
  /** Final hidden states of the prefix, [tokens · hiddenSize]. */
  readonly states: Float32Array;
  /** Inputs `past_key.i` and `past_value.i` for what follows the prefix. */
  readonly past: Record<string, FloatTensor>;
}

/** A loaded text encoder. One text at a time and only its real tokens: padding never reaches a real token's state. */
class TextEncoder {
  /** Keys and values of the last prefix, so that the instruction before every prompt is computed once. */
  private prefix: Prefix | undefined;

  constructor(
    private readonly config: TextEncoderConfig,
    private readonly weights: WeightDirectory,
    private readonly session: OnnxSession,
  ) {}

  /**
   * Hidden states after the final norm, float32 [tokens, hiddenSize], of a text given by its token ids. The first
   * `prefixLength` tokens are those that texts have in common; their keys and values are kept for the next call.
   */
  async encode(tokenIds: readonly number[], prefixLength: number): Promise<FloatTensor> {
    // At least one token must be new, or there would be nothing to run.
    const shared = Math.min(prefixLength, tokenIds.length - 1);
    const prefix = await this.prefixStates(tokenIds.slice(0, shared));
    const results = await this.run(tokenIds.slice(shared), shared, prefix.past, ["last_hidden_state"]);
    const states = results["last_hidden_state"]!;
    const { hiddenSize } = this.config;
    const data = new Float32Array(tokenIds.length * hiddenSize);
    data.set(prefix.states);
    data.set(states.data, prefix.states.length);
    return { data, dims: [tokenIds.length, hiddenSize] };
  }

  async release(): Promise<void> {
    this.prefix = undefined;
    await this.session.release();
  }

  private async prefixStates(tokenIds: readonly number[]): Promise<Prefix> {
    const known = this.prefix;
    if (known?.tokenIds.length === tokenIds.length && known.tokenIds.every((id, i) => id === tokenIds[i])) return known;
    const names = cacheNames(this.config);
    const { numKeyValueHeads, headDim, numHiddenLayers } = this.config;
    const empty = { data: new Float32Array(0), dims: [1, numKeyValueHeads, 0, headDim] };
    const nothing: Prefix = {
      tokenIds: [],
      states: new Float32Array(0),
      past: Object.fromEntries(names.past.map((name) => [name, empty])),
    };
    if (tokenIds.length === 0) return nothing;
    const results = await this.run(tokenIds, 0, nothing.past, ["last_hidden_state", ...names.present]);
    const past = Array.from({ length: 2 * numHiddenLayers }, (_, i) => [names.past[i]!, results[names.present[i]!]!]);
    this.prefix = {
      tokenIds,
      states: results["last_hidden_state"]!.data,
      past: Object.fromEntries(past) as Record<string, FloatTensor>,
    };
    return this.prefix;
  }

  private async run(
    tokenIds: readonly number[],
    start: number,
    past: Record<string, FloatTensor>,
    outputs: readonly string[],
  ): Promise<Record<string, FloatTensor>> {
    const { config } = this;
    const length = tokenIds.length;
    const embeds = await readRows(this.weights, "embed_tokens.weight", tokenIds);
    const scale = Math.fround(Math.sqrt(config.hiddenSize));
    for (let i = 0; i < embeds.length; i += 1) embeds[i]! *= scale;
    const feeds: Record<string, FloatTensor> = {
      inputs_embeds: { data: embeds, dims: [1, length, config.hiddenSize] },
      ...past,
    };
    for (const type of new Set(config.layerTypes)) {
      const { cos, sin } = rotaryTables(config, type, { start, length });
      feeds[`cos.${type}`] = { data: cos, dims: [length, config.headDim] };
      feeds[`sin.${type}`] = { data: sin, dims: [length, config.headDim] };
      feeds[`bias.${type}`] = { data: attentionBias(config, type, { start, length }), dims: [length, start + length] };
    }
    return this.session.run(feeds, outputs);
  }
}
