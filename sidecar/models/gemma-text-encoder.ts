import type { AttentionType, TextEncoderConfig } from "../checkpoint/configs";
import type { WeightDirectory } from "../checkpoint/weights";
import { GraphBuilder, type OnnxModel, type Value } from "../onnx/graph-builder";
import { linear, reshape, rmsNorm, sizesOf, transpose } from "../onnx/ops";

/**
 * The decoder stack of Gemma 2 or Gemma 3 as a text encoder: all hidden states after the final norm. Never float16:
 * Gemma was trained in bfloat16 and its activations overflow float16.
 * Source: transformers models/gemma2/modeling_gemma2.py and models/gemma3/modeling_gemma3.py (eager attention).
 */

/** Names of the key and value tensors of a prefix (inputs) and of prefix and text together (outputs), a pair a layer. */
export function cacheNames(config: TextEncoderConfig): { past: string[]; present: string[] } {
  const names = (kind: string): string[] =>
    Array.from({ length: config.numHiddenLayers }, (_, i) => [`${kind}_key.${i}`, `${kind}_value.${i}`]).flat();
  return { past: names("past"), present: names("present") };
}

/**
 * Inputs, float32: `inputs_embeds` [batch, sequence, hidden], already multiplied by √hidden; for each layer type in use
 * `cos.TYPE`, `sin.TYPE` [sequence, headDim] of `rotaryTables` and `bias.TYPE` [sequence, past + sequence] of
 * `attentionBias`; `past_key.i`, `past_value.i` [batch, kvHeads, past, headDim], past may be 0.
 * Outputs `last_hidden_state` [batch, sequence, hidden] and `present_key.i`, `present_value.i`.
 */
export function buildTextEncoder(
  config: TextEncoderConfig,
  weights: WeightDirectory,
  precision: "float32" | "int8",
): OnnxModel {
  const graph = new GraphBuilder("gemma_text_encoder", weights, precision);
  const { hiddenSize, headDim } = config;
  const embeds = graph.input("inputs_embeds", ["batch", "sequence", hiddenSize]);
  const batch = sizesOf(graph, embeds, [0]);
  const positions = new Map<AttentionType, Positions>();
  for (const type of new Set(config.layerTypes)) {
    positions.set(type, {
      cos: graph.input(`cos.${type}`, ["sequence", headDim]),
      sin: graph.input(`sin.${type}`, ["sequence", headDim]),
      bias: graph.input(`bias.${type}`, ["sequence", "total"]),
    });
  }

  let hidden = reshape(graph, embeds, [-1, hiddenSize]);
  config.layerTypes.forEach((type, i) => {
    const name = `layers.${i}`;
    let branch = unitRmsNorm(graph, hidden, { config, name: `${name}.input_layernorm`, width: hiddenSize });
    branch = selfAttention(graph, branch, { config, index: i, batch, positions: positions.get(type)! });
    branch = unitRmsNorm(graph, branch, { config, name: `${name}.post_attention_layernorm`, width: hiddenSize });
    hidden = graph.op("Add", [hidden, branch]);

    branch = unitRmsNorm(graph, hidden, { config, name: `${name}.pre_feedforward_layernorm`, width: hiddenSize });
    branch = gatedFeedForward(graph, branch, { config, name: `${name}.mlp` });
    branch = unitRmsNorm(graph, branch, { config, name: `${name}.post_feedforward_layernorm`, width: hiddenSize });
    hidden = graph.op("Add", [hidden, branch]);
  });
  hidden = unitRmsNorm(graph, hidden, { config, name: "norm", width: hiddenSize });
  graph.output("last_hidden_state", reshape(graph, hidden, [batch, -1, hiddenSize]), [
    "batch",
    "sequence",
    hiddenSize,
  ]);
  return graph.build();
}

interface Positions {
  readonly cos: Value;
  readonly sin: Value;
  readonly bias: Value;
}

function selfAttention(
  graph: GraphBuilder,
  x: Value,
  attention: { config: TextEncoderConfig; index: number; batch: Value; positions: Positions },
): Value {
  const { config, index, batch, positions } = attention;
  const { hiddenSize, headDim, numAttentionHeads, numKeyValueHeads } = config;
  const name = `layers.${index}.self_attn`;
  const project = (part: "q" | "k" | "v", heads: number): Value => {
    const flat = linear(graph, x, {
      name: `${name}.${part}_proj`,
      inputs: hiddenSize,
      outputs: heads * headDim,
      bias: false,
    });
    return reshape(graph, flat, [batch, -1, heads, headDim]);
  };
  const normalized = (part: "q" | "k", heads: number): Value => {
    const perHead = project(part, heads);
    const normed = config.qkNorm
      ? unitRmsNorm(graph, perHead, { config, name: `${name}.${part}_norm`, width: headDim })
      : perHead;
    return rotate(graph, transpose(graph, normed, [0, 2, 1, 3]), { positions, headDim });
  };

  const query = normalized("q", numAttentionHeads); // [batch, heads, sequence, headDim]
  const cached = (kind: "key" | "value", fresh: Value): Value => {
    const past = graph.input(`past_${kind}.${index}`, ["batch", numKeyValueHeads, "past", headDim]);
    const present = graph.op("Concat", [past, fresh], { axis: 2 });
    graph.output(`present_${kind}.${index}`, present, ["batch", numKeyValueHeads, "total", headDim]);
    return present;
  };
  const key = cached("key", normalized("k", numKeyValueHeads));
  const value = cached("value", transpose(graph, project("v", numKeyValueHeads), [0, 2, 1, 3]));

  // Consecutive query heads share a key/value head: one more axis lets MatMul broadcast instead of repeating them.
  const groups = numAttentionHeads / numKeyValueHeads;
  const grouped = reshape(graph, query, [batch, numKeyValueHeads, groups, -1, headDim]);
  const shared = (tensor: Value): Value => graph.op("Unsqueeze", [tensor, graph.integers([2])]);
  let logits = graph.op("MatMul", [grouped, transpose(graph, shared(key), [0, 1, 2, 4, 3])]);
  logits = graph.op("Mul", [logits, graph.scalar(config.queryPreAttnScalar ** -0.5)]);
  if (config.attnLogitSoftcapping !== null) {
    const cap = graph.scalar(config.attnLogitSoftcapping);
    logits = graph.op("Mul", [graph.op("Tanh", [graph.op("Div", [logits, cap])]), cap]);
  }
  const probabilities = graph.op("Softmax", [graph.op("Add", [logits, positions.bias])], { axis: -1 });
  const mixed = graph.op("MatMul", [probabilities, shared(value)]); // [batch, kvHeads, groups, sequence, headDim]
  const merged = transpose(graph, mixed, [0, 3, 1, 2, 4]);
  return linear(graph, reshape(graph, merged, [-1, numAttentionHeads * headDim]), {
    name: `${name}.o_proj`,
    inputs: numAttentionHeads * headDim,
    outputs: hiddenSize,
    bias: false,
  });
}

/** Rotary position embedding: x·cos + [−second half | first half]·sin. */
function rotate(graph: GraphBuilder, x: Value, rotary: { positions: Positions; headDim: number }): Value {
  const { positions, headDim } = rotary;
  const half = headDim / 2;
  const [first, second] = graph.ops("Split", [x, graph.integers([half, half])], { axis: 3 }, 2) as [Value, Value];
  const turned = graph.op("Concat", [graph.op("Neg", [second]), first], { axis: 3 });
  return graph.op("Add", [graph.op("Mul", [x, positions.cos]), graph.op("Mul", [turned, positions.sin])]);
}

function gatedFeedForward(
  graph: GraphBuilder,
  x: Value,
  layer: { config: TextEncoderConfig; name: string },
): Value {
  const { hiddenSize, intermediateSize } = layer.config;
  const widen = { inputs: hiddenSize, outputs: intermediateSize, bias: false };
  const gate = graph.op("Gelu", [linear(graph, x, { name: `${layer.name}.gate_proj`, ...widen })], {
    approximate: "tanh",
  });
  const up = linear(graph, x, { name: `${layer.name}.up_proj`, ...widen });
  return linear(graph, graph.op("Mul", [gate, up]), {
    name: `${layer.name}.down_proj`,
    inputs: intermediateSize,
    outputs: hiddenSize,
    bias: false,
  });
}

/** Gemma's RMSNorm: its weights are stored as the difference from one. */
function unitRmsNorm(
  graph: GraphBuilder,
  x: Value,
  norm: { config: TextEncoderConfig; name: string; width: number },
): Value {
  const scale = graph.op("Add", [graph.weight(`${norm.name}.weight`, [norm.width]), graph.scalar(1)]);
  return rmsNorm(graph, x, { scale, epsilon: norm.config.rmsNormEps });
}

/**
 * Rotary cosines and sines of positions start … start + length − 1, float32 [length, headDim] each, both halves alike.
 * Angles are formed in float32 as the reference does; at position 500 that rounding reaches the fifth digit.
 */
export function rotaryTables(
  config: TextEncoderConfig,
  type: AttentionType,
  positions: { start: number; length: number },
): { cos: Float32Array; sin: Float32Array } {
  const { headDim } = config;
  const { theta, factor } = config.rope[type];
  const half = headDim / 2;
  const cos = new Float32Array(positions.length * headDim);
  const sin = new Float32Array(positions.length * headDim);
  for (let i = 0; i < half; i += 1) {
    const base = Math.fround(theta ** Math.fround((2 * i) / headDim));
    const frequency = Math.fround(Math.fround(1 / base) / factor);
    for (let row = 0; row < positions.length; row += 1) {
      const angle = Math.fround((positions.start + row) * frequency);
      for (const column of [i, i + half]) {
        cos[row * headDim + column] = Math.cos(angle);
        sin[row * headDim + column] = Math.sin(angle);
      }
    }
  }
  return { cos, sin };
}

/**
 * Additive mask float32 [length, start + length] for tokens start … start + length − 1: 0 where a key may be seen
 * (not later than the query, and inside the sliding window where the layer has one), else float32's lowest number.
 */
export function attentionBias(
  config: TextEncoderConfig,
  type: AttentionType,
  positions: { start: number; length: number },
): Float32Array {
  const { start, length } = positions;
  const total = start + length;
  const window = type === "sliding" ? config.slidingWindow : Infinity;
  const bias = new Float32Array(length * total).fill(-3.4028234663852886e38);
  for (let row = 0; row < length; row += 1) {
    const query = start + row;
    bias.fill(0, row * total + Math.max(0, query - window + 1), row * total + query + 1);
  }
  return bias;
}
