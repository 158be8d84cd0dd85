import type { TransformerConfig } from "../checkpoint/configs";
import type { WeightDirectory } from "../checkpoint/weights";
import { GraphBuilder, type Dimension, type GraphPrecision, type OnnxModel, type Value } from "../onnx/graph-builder";
import { layerNorm, linear, reshape, rmsNorm, silu, sizesOf, transpose } from "../onnx/ops";

/**
 * SanaTransformer2DModel as ONNX graphs. On the CPU there are two: what depends on the prompt alone, computed once a
 * picture, and the denoiser, computed once a step. On a GPU there is one, because computing the cross-attention's keys
 * and values again in each step is far cheaper there than moving them from main memory. Both halves of classifier-free
 * guidance share the timestep, so the modulation is one vector for the whole batch.
 *
 * In a float16 graph these stay float32, as in the reference: the core of the linear attention, RMSNorms' statistics,
 * the position embedding's addition; and the softmax.
 *
 * Source: diffusers models/transformers/sana_transformer.py, models/attention_processor.py (SanaLinearAttnProcessor2_0).
 */

const TIMESTEP_CHANNELS = 256;
const QK_NORM_EPSILON = 1e-5;
const CAPTION_NORM_EPSILON = 1e-5;
const LINEAR_ATTENTION_EPSILON = 1e-15;
const FLOAT16_MAX = 65504;

interface Widths {
  /** Width of the residual stream. */
  readonly model: number;
  readonly crossAttention: number;
  /** Hidden width of the Mix-FFN after gating; the inverted convolution yields twice as much. */
  readonly feedForward: number;
}

function widthsOf(config: TransformerConfig): Widths {
  const model = config.numAttentionHeads * config.attentionHeadDim;
  return {
    model,
    crossAttention: config.numCrossAttentionHeads * config.crossAttentionHeadDim,
    feedForward: Math.trunc(config.mlpRatio * model),
  };
}

/** Names of the per-block key and value tensors that `buildPromptConditioning` gives and `buildDenoiser` takes. */
export function conditioningNames(config: TransformerConfig): { keys: string[]; values: string[] } {
  const blocks = Array.from({ length: config.numLayers }, (_, index) => index);
  return { keys: blocks.map((i) => `cross_key.${i}`), values: blocks.map((i) => `cross_value.${i}`) };
}

/**
 * Caption projection, caption norm, and every block's cross-attention keys and values.
 * Input `encoder_hidden_states` float32 [batch, text, captionChannels]; outputs for each block i `cross_key.i`
 * [batch, heads, headDim, text] (already scaled by 1/√headDim) and `cross_value.i` [batch, heads, text, headDim].
 */
export function buildPromptConditioning(config: TransformerConfig, weights: WeightDirectory): OnnxModel {
  const graph = new GraphBuilder("sana_prompt_conditioning", weights);
  const { keys, values } = promptConditioning(graph, config);
  const { keys: keyNames, values: valueNames } = conditioningNames(config);
  const { key: keyShape, value: valueShape } = conditioningShapes(config);
  for (let i = 0; i < config.numLayers; i += 1) {
    graph.output(keyNames[i]!, keys[i]!, keyShape);
    graph.output(valueNames[i]!, values[i]!, valueShape);
  }
  return graph.build();
}

/** Shapes of one block's cross-attention keys and values. */
function conditioningShapes(config: TransformerConfig): { key: Dimension[]; value: Dimension[] } {
  const { numCrossAttentionHeads: heads, crossAttentionHeadDim: headDim } = config;
  return { key: ["batch", heads, headDim, "text"], value: ["batch", heads, "text", headDim] };
}

/** Declares the input `encoder_hidden_states`; returns every block's cross-attention keys and values. */
function promptConditioning(graph: GraphBuilder, config: TransformerConfig): { keys: Value[]; values: Value[] } {
  const { model, crossAttention } = widthsOf(config);
  const heads = config.numCrossAttentionHeads;
  const headDim = config.crossAttentionHeadDim;

  const encoderHiddenStates = graph.input("encoder_hidden_states", ["batch", "text", config.captionChannels]);
  const [batch, text] = [sizesOf(graph, encoderHiddenStates, [0]), sizesOf(graph, encoderHiddenStates, [1])];
  let caption = reshape(graph, encoderHiddenStates, [-1, config.captionChannels]);
  const inputs = config.captionChannels;
  caption = linear(graph, caption, { name: "caption_projection.linear_1", inputs, outputs: model, bias: true });
  caption = graph.op("Gelu", [caption], { approximate: "tanh" });
  caption = linear(graph, caption, { name: "caption_projection.linear_2", inputs: model, outputs: model, bias: true });
  caption = rmsNorm(graph, caption, {
    scale: graph.weight("caption_norm.weight", [model]),
    epsilon: CAPTION_NORM_EPSILON,
  });

  const [keys, values]: [Value[], Value[]] = [[], []];
  for (let i = 0; i < config.numLayers; i += 1) {
    const attention = `transformer_blocks.${i}.attn2`;
    const layer = { inputs: model, outputs: crossAttention, bias: true };
    let key = linear(graph, caption, { name: `${attention}.to_k`, ...layer });
    key = normalizeAcrossHeads(graph, key, { config, name: `${attention}.norm_k`, width: crossAttention });
    key = graph.op("Mul", [key, graph.scalar(1 / Math.sqrt(headDim))]);
    const value = linear(graph, caption, { name: `${attention}.to_v`, ...layer });
    const perHead = [batch, text, heads, headDim];
    keys.push(transpose(graph, reshape(graph, key, perHead), [0, 2, 3, 1]));
    values.push(transpose(graph, reshape(graph, value, perHead), [0, 2, 1, 3]));
  }
  return { keys, values };
}

/**
 * One denoiser call. Inputs, all float32: `latents` [batch, channels, height, width]; `timestep_sinusoid` [1, 256] of
 * `timestepSinusoid`; `guidance_sinusoid` likewise where the model embeds its guidance; `position_embedding`
 * [tokens, width] of `positionEmbedding` where it has one; `attention_bias` [batch, 1, 1, text] with 0 for tokens and
 * −10000 for padding; and of the prompt either what `buildPromptConditioning` gives (`prompt: "keys-and-values"`) or
 * the `encoder_hidden_states` that it takes.
 * Output `sample` [batch, outChannels, height, width].
 */
export function buildDenoiser(
  config: TransformerConfig,
  weights: WeightDirectory,
  options: { prompt: "keys-and-values" | "encoder-hidden-states"; precision: GraphPrecision },
): OnnxModel {
  const graph = new GraphBuilder("sana_denoiser", weights, options.precision);
  const { model } = widthsOf(config);
  const patch = config.patchSize;

  const latents = graph.input("latents", ["batch", config.inChannels, "height", "width"]);
  const attentionBias = graph.float32Input("attention_bias", ["batch", 1, 1, "text"]);

  // Patch embedding, [batch, channels, height, width] -> [batch · tokens, width], rows of the picture first.
  const embedded = graph.op(
    "Conv",
    [
      latents,
      graph.weight("patch_embed.proj.weight", [model, config.inChannels, patch, patch]),
      graph.weight("patch_embed.proj.bias", [model]),
    ],
    { kernel_shape: [patch, patch], strides: [patch, patch] },
  );
  const grid: Grid = {
    batch: sizesOf(graph, embedded, [0]),
    height: sizesOf(graph, embedded, [2]),
    width: sizesOf(graph, embedded, [3]),
  };
  let hidden = transpose(graph, embedded, [0, 2, 3, 1]);
  if (config.interpolationScale !== null) {
    const position = graph.float32Input("position_embedding", ["tokens", model]);
    const tokens = graph.toFloat32(reshape(graph, hidden, [grid.batch, -1, model]));
    hidden = graph.fromFloat32(graph.op("Add", [tokens, position]));
  }
  hidden = reshape(graph, hidden, [-1, model]);

  const { modulation, conditioning } = timeEmbedding(graph, config);

  const { keys, values } =
    options.prompt === "keys-and-values" ? conditioningInputs(graph, config) : promptConditioning(graph, config);
  for (let i = 0; i < config.numLayers; i += 1) {
    hidden = transformerBlock(graph, hidden, {
      config,
      name: `transformer_blocks.${i}`,
      modulation,
      grid,
      crossKey: keys[i]!,
      crossValue: values[i]!,
      attentionBias,
    });
  }

  // The last modulation uses the embedding itself, the blocks used its SiLU and linear expansion.
  const table = graph.op("Add", [graph.weight("scale_shift_table", [2, model]), conditioning]);
  const [shift, scale] = rowsOf(graph, table, 2) as [Value, Value];
  hidden = modulatedLayerNorm(graph, hidden, { scale, shift, epsilon: 1e-6 });
  const outChannels = config.outChannels;
  hidden = linear(graph, hidden, {
    name: "proj_out",
    inputs: model,
    outputs: patch * patch * outChannels,
    bias: true,
    exact: true,
  });
  // Channels leave proj_out in the order (row in the patch, column in the patch, channel).
  hidden = reshape(graph, hidden, [grid.batch, grid.height, grid.width, patch, patch, outChannels]);
  hidden = transpose(graph, hidden, [0, 5, 1, 3, 2, 4]);
  const latentSize = sizesOf(graph, latents, [2, 3]);
  graph.output("sample", reshape(graph, hidden, [grid.batch, outChannels, latentSize]), [
    "batch",
    outChannels,
    "height",
    "width",
  ]);
  return graph.build();
}

/** The results of `buildPromptConditioning` as inputs. */
function conditioningInputs(graph: GraphBuilder, config: TransformerConfig): { keys: Value[]; values: Value[] } {
  const { keys, values } = conditioningNames(config);
  const { key, value } = conditioningShapes(config);
  return {
    keys: keys.map((name) => graph.input(name, key)),
    values: values.map((name) => graph.input(name, value)),
  };
}

/** Sizes of the token grid, int64 [1] each. */
interface Grid {
  readonly batch: Value;
  readonly height: Value;
  readonly width: Value;
}

/** `conditioning` [1, width] is the time (and guidance) embedding, `modulation` [6, width] its expansion for the blocks. */
function timeEmbedding(graph: GraphBuilder, config: TransformerConfig): { modulation: Value; conditioning: Value } {
  const { model } = widthsOf(config);
  const embed = (sinusoid: Value, name: string): Value => {
    const first = linear(graph, sinusoid, {
      name: `${name}.linear_1`,
      inputs: TIMESTEP_CHANNELS,
      outputs: model,
      bias: true,
      exact: true,
    });
    const name2 = `${name}.linear_2`;
    return linear(graph, silu(graph, first), { name: name2, inputs: model, outputs: model, bias: true, exact: true });
  };
  const timestep = graph.input("timestep_sinusoid", [1, TIMESTEP_CHANNELS]);
  let conditioning: Value;
  if (config.guidanceEmbeds) {
    const guidance = graph.input("guidance_sinusoid", [1, TIMESTEP_CHANNELS]);
    conditioning = graph.op("Add", [
      embed(timestep, "time_embed.timestep_embedder"),
      embed(guidance, "time_embed.guidance_embedder"),
    ]);
  } else {
    conditioning = embed(timestep, "time_embed.emb.timestep_embedder");
  }
  const expanded = linear(graph, silu(graph, conditioning), {
    name: "time_embed.linear",
    inputs: model,
    outputs: 6 * model,
    bias: true,
    exact: true,
  });
  return { modulation: reshape(graph, expanded, [6, model]), conditioning };
}

function transformerBlock(
  graph: GraphBuilder,
  input: Value,
  block: {
    config: TransformerConfig;
    name: string;
    modulation: Value;
    grid: Grid;
    crossKey: Value;
    crossValue: Value;
    attentionBias: Value;
  },
): Value {
  const { config, name } = block;
  const { model } = widthsOf(config);
  const table = graph.op("Add", [graph.weight(`${name}.scale_shift_table`, [6, model]), block.modulation]);
  const [shift1, scale1, gate1, shift2, scale2, gate2] = rowsOf(graph, table, 6) as [
    Value,
    Value,
    Value,
    Value,
    Value,
    Value,
  ];

  let hidden = input;
  let branch = modulatedLayerNorm(graph, hidden, { scale: scale1, shift: shift1, epsilon: config.normEps });
  branch = linearSelfAttention(graph, branch, { config, name: `${name}.attn1`, grid: block.grid, gate: gate1 });
  hidden = graph.op("Add", [hidden, branch]);

  // Cross-attention reads the residual stream as it is: no norm before it and no gate after it.
  hidden = graph.op("Add", [hidden, crossAttention(graph, hidden, { ...block, name: `${name}.attn2` })]);

  branch = config.normElementwiseAffine
    ? modulatedAffineNorm(graph, hidden, { name: `${name}.norm2`, scale: scale2, shift: shift2, config })
    : modulatedLayerNorm(graph, hidden, { scale: scale2, shift: shift2, epsilon: config.normEps });
  branch = mixFeedForward(graph, branch, { config, name: `${name}.ff`, grid: block.grid, gate: gate2 });
  return graph.op("Add", [hidden, branch]);
}

/**
 * Attention with ReLU features in O(tokens): Σ over tokens of kᵀv is one [headDim, headDim] matrix a head, and Σ k the
 * denominator, so no token meets another one directly. `x` comes out of a norm; the result is multiplied with `gate`.
 */
function linearSelfAttention(
  graph: GraphBuilder,
  x: Value,
  attention: { config: TransformerConfig; name: string; grid: Grid; gate: Value },
): Value {
  const { config, name, grid, gate } = attention;
  const { model } = widthsOf(config);
  const layer = { inputs: model, outputs: model, bias: config.attentionBias, normalized: true };
  const project = (part: string): Value => linear(graph, x, { name: `${name}.to_${part}`, ...layer });
  const perHead = [grid.batch, -1, config.numAttentionHeads, config.attentionHeadDim];
  const normalized = (part: "q" | "k"): Value =>
    normalizeAcrossHeads(graph, project(part), { config, name: `${name}.norm_${part}`, width: model });
  const features = (part: "q" | "k"): Value => reshape(graph, graph.op("Relu", [normalized(part)]), perHead);
  const ordered = (x: Value, axes: readonly number[]): Value => graph.toFloat32(transpose(graph, x, axes));

  const query = ordered(features("q"), [0, 2, 1, 3]); // [batch, heads, tokens, headDim]
  const key = ordered(features("k"), [0, 2, 3, 1]); // [batch, heads, headDim, tokens]
  const value = ordered(reshape(graph, project("v"), perHead), [0, 2, 1, 3]);

  const keyValue = graph.op("MatMul", [key, value]); // [batch, heads, headDim, headDim]
  const keySum = graph.op("ReduceSum", [key, graph.integers([3])], { keepdims: 1 }); // [batch, heads, headDim, 1]
  const numerator = graph.op("MatMul", [query, keyValue]);
  const epsilon = graph.float32Constant([LINEAR_ATTENTION_EPSILON], []);
  const denominator = graph.op("Add", [graph.op("MatMul", [query, keySum]), epsilon]);
  const mixed = transpose(graph, graph.fromFloat32(graph.op("Div", [numerator, denominator])), [0, 2, 1, 3]);
  const out = { name: `${name}.to_out.0`, inputs: model, outputs: model, bias: true };
  const attended = reshape(graph, mixed, [-1, model]);
  if (graph.precision === "float32") return linear(graph, attended, { ...out, gain: gate });
  // As the reference does: a float16 sum that went past the largest number stays there.
  const limits = [graph.scalar(-FLOAT16_MAX), graph.scalar(FLOAT16_MAX)] as const;
  return graph.op("Mul", [graph.op("Clip", [linear(graph, attended, out), ...limits]), gate]);
}

function crossAttention(
  graph: GraphBuilder,
  x: Value,
  attention: {
    config: TransformerConfig;
    name: string;
    grid: Grid;
    crossKey: Value;
    crossValue: Value;
    attentionBias: Value;
  },
): Value {
  const { config, name, grid } = attention;
  const { model, crossAttention: width } = widthsOf(config);
  let query = linear(graph, x, { name: `${name}.to_q`, inputs: model, outputs: width, bias: true });
  query = normalizeAcrossHeads(graph, query, { config, name: `${name}.norm_q`, width });
  query = reshape(graph, query, [grid.batch, -1, config.numCrossAttentionHeads, config.crossAttentionHeadDim]);
  const logits = graph.op("MatMul", [transpose(graph, query, [0, 2, 1, 3]), attention.crossKey]);
  const masked = graph.op("Add", [graph.toFloat32(logits), attention.attentionBias]);
  const probabilities = graph.fromFloat32(graph.op("Softmax", [masked], { axis: -1 }));
  const mixed = transpose(graph, graph.op("MatMul", [probabilities, attention.crossValue]), [0, 2, 1, 3]);
  return linear(graph, reshape(graph, mixed, [-1, width]), {
    name: `${name}.to_out.0`,
    inputs: width,
    outputs: model,
    bias: true,
  });
}

/**
 * GLUMBConv: its 3×3 depthwise convolution is where the model without position embedding learns positions. `x` comes
 * out of a norm; the result is multiplied with `gate`.
 */
function mixFeedForward(
  graph: GraphBuilder,
  x: Value,
  feedForward: { config: TransformerConfig; name: string; grid: Grid; gate: Value },
): Value {
  const { config, name, grid } = feedForward;
  const { model, feedForward: hidden } = widthsOf(config);
  let y = silu(
    graph,
    linear(graph, x, {
      name: `${name}.conv_inverted`,
      inputs: model,
      outputs: 2 * hidden,
      bias: true,
      convolution: true,
      normalized: true,
    }),
  );
  y = transpose(graph, reshape(graph, y, [grid.batch, grid.height, grid.width, 2 * hidden]), [0, 3, 1, 2]);
  y = graph.op(
    "Conv",
    [
      y,
      graph.weight(`${name}.conv_depth.weight`, [2 * hidden, 1, 3, 3]),
      graph.weight(`${name}.conv_depth.bias`, [2 * hidden]),
    ],
    { kernel_shape: [3, 3], pads: [1, 1, 1, 1], group: 2 * hidden },
  );
  const [value, gate] = graph.ops("Split", [y, graph.integers([hidden, hidden])], { axis: 1 }, 2) as [Value, Value];
  y = transpose(graph, graph.op("Mul", [value, silu(graph, gate)]), [0, 2, 3, 1]);
  return linear(graph, reshape(graph, y, [-1, hidden]), {
    name: `${name}.conv_point`,
    inputs: hidden,
    outputs: model,
    bias: false,
    convolution: true,
    gain: feedForward.gate,
  });
}

/** LayerNorm without parameters, then ·(1 + scale) + shift: the modulation takes the place of LayerNorm's own affine. */
function modulatedLayerNorm(
  graph: GraphBuilder,
  x: Value,
  modulation: { scale: Value; shift: Value; epsilon: number },
): Value {
  const factor = graph.op("Add", [modulation.scale, graph.scalar(1)]);
  return layerNorm(graph, x, { scale: factor, bias: modulation.shift, epsilon: modulation.epsilon });
}

/** The same for a norm with parameters: (n·w + b)·(1 + scale) + shift = n·w·(1 + scale) + (b·(1 + scale) + shift). */
function modulatedAffineNorm(
  graph: GraphBuilder,
  x: Value,
  norm: { name: string; scale: Value; shift: Value; config: TransformerConfig },
): Value {
  const { model } = widthsOf(norm.config);
  const factor = graph.op("Add", [norm.scale, graph.scalar(1)]);
  const weight = graph.op("Mul", [graph.weight(`${norm.name}.weight`, [model]), factor]);
  const bias = graph.op("Add", [
    graph.op("Mul", [graph.weight(`${norm.name}.bias`, [model]), factor]),
    norm.shift,
  ]);
  return layerNorm(graph, x, { scale: weight, bias, epsilon: norm.config.normEps });
}

/** SANA 1.5 and Sprint normalise queries and keys over all heads at once, before they are split. */
function normalizeAcrossHeads(
  graph: GraphBuilder,
  x: Value,
  norm: { config: TransformerConfig; name: string; width: number },
): Value {
  if (norm.config.qkNorm === null) return x;
  return rmsNorm(graph, x, {
    scale: graph.weight(`${norm.name}.weight`, [norm.width]),
    epsilon: QK_NORM_EPSILON,
  });
}

/** The rows of a [count, width] table as [width] vectors. */
function rowsOf(graph: GraphBuilder, table: Value, count: number): Value[] {
  return Array.from({ length: count }, (_, row) =>
    graph.op("Gather", [table, graph.integer(row)], { axis: 0 }),
  );
}

/**
 * [cos | sin] of timestep · 10000^(−i/128), float32 [256]. Frequencies and angles are rounded to float32 where the
 * reference forms them, because an angle near 1000 carries that rounding into its cosine.
 */
export function timestepSinusoid(timestep: number): Float32Array {
  const half = TIMESTEP_CHANNELS / 2;
  const sinusoid = new Float32Array(TIMESTEP_CHANNELS);
  for (let i = 0; i < half; i += 1) {
    const exponent = Math.fround(Math.fround(Math.fround(-Math.log(10000)) * i) / half);
    const angle = Math.fround(Math.fround(timestep) * Math.fround(Math.exp(exponent)));
    sinusoid[i] = Math.cos(angle);
    sinusoid[half + i] = Math.sin(angle);
  }
  return sinusoid;
}

/**
 * The 2-D sine–cosine table of the 2K and 4K models for a grid of height × width tokens: float32
 * [height · width, model width], the column's half first. Its coordinates always span the native grid, whatever the
 * picture's size. Source: diffusers models/embeddings.py, get_2d_sincos_pos_embed and PatchEmbed.
 */
export function positionEmbedding(config: TransformerConfig, height: number, width: number): Float32Array {
  const { model } = widthsOf(config);
  const base = Math.trunc(config.sampleSize / config.patchSize);
  const scale = config.interpolationScale ?? 1;
  const half = model / 2;
  const quarter = half / 2;
  const table = new Float32Array(height * width * model);
  const frequencies = Float64Array.from({ length: quarter }, (_, k) => 10000 ** (-k / quarter));
  // The reference forms coordinates in float32 and everything after them in float64.
  const coordinate = (index: number, size: number): number =>
    Math.fround(Math.fround(index / Math.fround(size / base)) / Math.fround(scale));
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const offset = (row * width + column) * model;
      const x = coordinate(column, width);
      const y = coordinate(row, height);
      for (let k = 0; k < quarter; k += 1) {
        const frequency = frequencies[k]!;
        table[offset + k] = Math.sin(x * frequency);
        table[offset + quarter + k] = Math.cos(x * frequency);
        table[offset + half + k] = Math.sin(y * frequency);
        table[offset + half + quarter + k] = Math.cos(y * frequency);
      }
    }
  }
  return table;
}
