import type { TextEncoderConfig } from "../checkpoint/configs";
import { readRows } from "../checkpoint/safetensors";
import type { WeightDirectory } from "../checkpoint/weights";
import { attentionBias, buildTextEncoder, cacheNames, rotaryTables } from "../models/gemma-text-encoder";
import type { FloatTensor } from "../tensor/float-tensor";
import { graphPrecision, type Compute } from "./compute";
import { createSession, type OnnxSession } from "./onnx-session";

/**
 * Checks that the weights are those of the configuration (throws `invalid-weights`) and returns what loads them.
 */
export function prepareTextEncoder(
  config: TextEncoderConfig,
  weights: WeightDirectory,
  compute: Compute,
): () => Promise<TextEncoder> {
  const precision = graphPrecision(compute);
  const model = buildTextEncoder(config, weights, precision === "float16" ? "float32" : precision);
  const options = { runsOften: false, provider: compute.provider, exact: compute.precision === "fp32" };
  return async () => new TextEncoder(config, weights, await createSession(model, options));
}

/** A text that has been encoded, or the beginning of one. */
interface EncodedText {
  readonly tokenIds: readonly number[];
  /** Final hidden states, [tokens · hiddenSize]. */
  readonly states: Float32Array;
}

interface Prefix extends EncodedText {
  /** Inputs `past_key.i` and `past_value.i` for what follows the prefix. */
  readonly past: Record<string, FloatTensor>;
}

/** A loaded text encoder. One text at a time and only its real tokens: padding never reaches a real token's state. */
class TextEncoder {
  /** Keys and values of the last prefix, so that the instruction before every prompt is computed once. */
  private prefix: Prefix | undefined;
  /** An empty negative prompt is the beginning of the prompt before it: nothing is computed for it. */
  private last: EncodedText | undefined;

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
    const { hiddenSize } = this.config;
    if (this.last === undefined || !beginsWith(this.last.tokenIds, tokenIds)) {
      this.last = { tokenIds: [...tokenIds], states: await this.statesOf(tokenIds, prefixLength) };
    }
    return { data: this.last.states.slice(0, tokenIds.length * hiddenSize), dims: [tokenIds.length, hiddenSize] };
  }

  async release(): Promise<void> {
    this.prefix = undefined;
    this.last = undefined;
    await this.session.release();
  }

  private async statesOf(tokenIds: readonly number[], prefixLength: number): Promise<Float32Array> {
    // At least one token must be new, or there would be nothing to run.
    const shared = Math.min(prefixLength, tokenIds.length - 1);
    const known = this.prefix;
    if (known !== undefined && known.tokenIds.length === shared && beginsWith(tokenIds, known.tokenIds)) {
      const results = await this.run(tokenIds.slice(shared), shared, known.past, ["last_hidden_state"]);
      const states = new Float32Array(tokenIds.length * this.config.hiddenSize);
      states.set(known.states);
      states.set(results["last_hidden_state"]!.data, known.states.length);
      return states;
    }
    const names = cacheNames(this.config);
    const { hiddenSize, numKeyValueHeads, headDim } = this.config;
    const nothing = { data: new Float32Array(0), dims: [1, numKeyValueHeads, 0, headDim] };
    const past = Object.fromEntries(names.past.map((name) => [name, nothing]));
    const results = await this.run(tokenIds, 0, past, ["last_hidden_state", ...(shared > 0 ? names.present : [])]);
    const states = results["last_hidden_state"]!.data;
    if (shared > 0) {
      this.prefix = {
        tokenIds: tokenIds.slice(0, shared),
        states: states.slice(0, shared * hiddenSize),
        past: Object.fromEntries(
          names.past.map((name, i) => [name, firstPositions(results[names.present[i]!]!, shared)]),
        ),
      };
    }
    return states;
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

function beginsWith(ids: readonly number[], beginning: readonly number[]): boolean {
  return beginning.length <= ids.length && beginning.every((id, i) => id === ids[i]);
}

/** The first `count` positions of keys or values [1, heads, positions, headDim]. */
function firstPositions({ data, dims }: FloatTensor, count: number): FloatTensor {
  const [, heads, positions, headDim] = dims as [number, number, number, number];
  const first = new Float32Array(heads * count * headDim);
  for (let head = 0; head < heads; head += 1) {
    const start = head * positions * headDim;
    first.set(data.subarray(start, start + count * headDim), head * count * headDim);
  }
  return { data: first, dims: [1, heads, count, headDim] };
}
