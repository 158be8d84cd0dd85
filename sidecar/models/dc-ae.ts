import type { AutoencoderActivation, AutoencoderBlockType, AutoencoderConfig } from "../checkpoint/configs";
import type { WeightDirectory } from "../checkpoint/weights";
import { GraphBuilder, type GraphPrecision, type OnnxModel, type Value } from "../onnx/graph-builder";
import { reshape, rmsNorm, silu, sizesOf, transpose } from "../onnx/ops";

/**
 * AutoencoderDC (DC-AE) as two ONNX graphs. Activations are [batch, channels, height, width] in the graph's precision;
 * the core of the linear attention is float32 in either: its sums over a whole picture overflow float16, and its epsilon
 * would be 0 there. The RMSNorms form their means in float32.
 * Source: diffusers models/autoencoders/autoencoder_dc.py, SanaMultiscaleLinearAttention in attention_processor.py.
 */

const NORM_EPSILON = 1e-5;
const LINEAR_ATTENTION_EPSILON = 1e-15;
const FEED_FORWARD_EXPANSION = 4;

/** Input `image` [batch, 3, H, W] in −1…1, H and W multiples of the compression; output `latents` [batch, C, h, w], not scaled. */
export function buildEncoder(
  config: AutoencoderConfig,
  weights: WeightDirectory,
  precision: GraphPrecision,
): OnnxModel {
  const graph = new GraphBuilder("dc_ae_encoder", weights, precision);
  const widths = config.encoderBlockOutChannels;
  const last = widths.length - 1;

  let x = graph.input("image", ["batch", config.inChannels, "height", "width"]);
  x = convolution(graph, x, { name: "encoder.conv_in", inputs: config.inChannels, outputs: widths[0]!, kernel: 3 });
  for (let stage = 0; stage <= last; stage += 1) {
    const name = `encoder.down_blocks.${stage}`;
    const layers = config.encoderLayersPerBlock[stage]!;
    for (let layer = 0; layer < layers; layer += 1) {
      x = stageBlock(graph, x, {
        name: `${name}.${layer}`,
        type: config.encoderBlockTypes[stage]!,
        channels: widths[stage]!,
        headDim: config.attentionHeadDim,
        kernels: config.encoderQkvMultiscales[stage]!,
        activation: "silu",
      });
    }
    if (stage < last) {
      x = downBlock(graph, x, {
        name: `${name}.${layers}`,
        inputs: widths[stage]!,
        outputs: widths[stage + 1]!,
        type: config.downsampleBlockType,
      });
    }
  }
  let latents = convolution(graph, x, {
    name: "encoder.conv_out",
    inputs: widths[last]!,
    outputs: config.latentChannels,
    kernel: 3,
  });
  if (config.encoderOutShortcut) {
    latents = graph.op("Add", [latents, averageChannels(graph, x, { inputs: widths[last]!, outputs: config.latentChannels })]);
  }
  graph.output("latents", latents, ["batch", config.latentChannels, "latent_height", "latent_width"]);
  return graph.build();
}

/** Input `latents` [batch, C, h, w], already divided by the scaling factor; output `image` [batch, 3, H, W], about −1…1, not clamped. */
export function buildDecoder(
  config: AutoencoderConfig,
  weights: WeightDirectory,
  precision: GraphPrecision,
): OnnxModel {
  const graph = new GraphBuilder("dc_ae_decoder", weights, precision);
  const widths = config.decoderBlockOutChannels;
  const last = widths.length - 1;

  const latents = graph.input("latents", ["batch", config.latentChannels, "latent_height", "latent_width"]);
  let x = convolution(graph, latents, {
    name: "decoder.conv_in",
    inputs: config.latentChannels,
    outputs: widths[last]!,
    kernel: 3,
  });
  if (config.decoderInShortcut) {
    x = graph.op("Add", [x, repeatChannels(graph, latents, { inputs: config.latentChannels, outputs: widths[last]! })]);
  }
  // Stages are numbered from the picture inwards, so the decoder runs them backwards.
  for (let stage = last; stage >= 0; stage -= 1) {
    const name = `decoder.up_blocks.${stage}`;
    const first = stage < last ? 1 : 0;
    if (stage < last) {
      x = upBlock(graph, x, {
        name: `${name}.0`,
        inputs: widths[stage + 1]!,
        outputs: widths[stage]!,
        type: config.upsampleBlockType,
      });
    }
    for (let layer = 0; layer < config.decoderLayersPerBlock[stage]!; layer += 1) {
      x = stageBlock(graph, x, {
        name: `${name}.${first + layer}`,
        type: config.decoderBlockTypes[stage]!,
        channels: widths[stage]!,
        headDim: config.attentionHeadDim,
        kernels: config.decoderQkvMultiscales[stage]!,
        activation: config.decoderActFns[stage]!,
      });
    }
  }
  x = channelRmsNorm(graph, x, "decoder.norm_out", widths[0]!);
  x = activate(graph, x, config.decoderConvActFn);
  x = convolution(graph, x, { name: "decoder.conv_out", inputs: widths[0]!, outputs: config.inChannels, kernel: 3 });
  graph.output("image", x, ["batch", config.inChannels, "height", "width"]);
  return graph.build();
}

interface StageBlock {
  readonly name: string;
  readonly type: AutoencoderBlockType;
  readonly channels: number;
  readonly headDim: number;
  readonly kernels: readonly number[];
  readonly activation: AutoencoderActivation;
}

function stageBlock(graph: GraphBuilder, x: Value, block: StageBlock): Value {
  return block.type === "ResBlock" ? residualBlock(graph, x, block) : efficientVitBlock(graph, x, block);
}

function residualBlock(graph: GraphBuilder, x: Value, block: StageBlock): Value {
  const { name, channels } = block;
  let y = convolution(graph, x, { name: `${name}.conv1`, inputs: channels, outputs: channels, kernel: 3 });
  y = activate(graph, y, block.activation);
  y = convolution(graph, y, { name: `${name}.conv2`, inputs: channels, outputs: channels, kernel: 3, bias: false });
  return graph.op("Add", [channelRmsNorm(graph, y, `${name}.norm`, channels), x]);
}

function efficientVitBlock(graph: GraphBuilder, input: Value, block: StageBlock): Value {
  const { name, channels } = block;
  const x = multiscaleLinearAttention(graph, input, { ...block, name: `${name}.attn` });

  const hidden = FEED_FORWARD_EXPANSION * channels;
  const feedForward = `${name}.conv_out`;
  let y = convolution(graph, x, {
    name: `${feedForward}.conv_inverted`,
    inputs: channels,
    outputs: 2 * hidden,
    kernel: 1,
  });
  y = convolution(graph, silu(graph, y), {
    name: `${feedForward}.conv_depth`,
    inputs: 2 * hidden,
    outputs: 2 * hidden,
    kernel: 3,
    groups: 2 * hidden,
  });
  const [value, gate] = graph.ops("Split", [y, graph.integers([hidden, hidden])], { axis: 1 }, 2) as [Value, Value];
  y = convolution(graph, graph.op("Mul", [value, silu(graph, gate)]), {
    name: `${feedForward}.conv_point`,
    inputs: hidden,
    outputs: channels,
    kernel: 1,
    bias: false,
  });
  return graph.op("Add", [channelRmsNorm(graph, y, `${feedForward}.norm`, channels), x]);
}

/**
 * Linear attention over the picture's own projections and over depthwise-aggregated copies of them. The stored to_q,
 * to_k and to_v are three thirds of one interleaved projection: heads are runs of 3·headDim consecutive channels of
 * their concatenation, q, k and v one after the other inside each run.
 */
function multiscaleLinearAttention(graph: GraphBuilder, x: Value, block: StageBlock): Value {
  const { name, channels, headDim } = block;
  const heads = Math.floor(channels / headDim);
  const inner = heads * headDim;
  const project = (part: string): Value =>
    graph.op("Conv", [x, graph.weight(`${name}.${part}.weight`, [inner, channels], [inner, channels, 1, 1])]);
  const scales = [graph.op("Concat", [project("to_q"), project("to_k"), project("to_v")], { axis: 1 })];
  block.kernels.forEach((kernel, index) => {
    const scale = `${name}.to_qkv_multiscale.${index}`;
    const spread = convolution(graph, scales[0]!, {
      name: `${scale}.proj_in`,
      inputs: 3 * inner,
      outputs: 3 * inner,
      kernel,
      groups: 3 * inner,
      bias: false,
    });
    scales.push(
      convolution(graph, spread, {
        name: `${scale}.proj_out`,
        inputs: 3 * inner,
        outputs: 3 * inner,
        kernel: 1,
        groups: 3 * heads,
        bias: false,
      }),
    );
  });
  const joined = scales.length === 1 ? scales[0]! : graph.op("Concat", scales, { axis: 1 });
  const groups = heads * scales.length;
  const perHead = reshape(graph, joined, [0, groups, 3 * headDim, -1]); // [batch, groups, 3 · headDim, pixels]
  const [q, k, v] = graph.ops("Split", [perHead, graph.integers([headDim, headDim, headDim])], { axis: 2 }, 3) as [
    Value,
    Value,
    Value,
  ];
  const feature = (part: Value): Value => graph.op("Relu", [graph.toFloat32(part)]);
  const query = feature(q);
  const key = graph.op("Transpose", [feature(k)], { perm: [0, 1, 3, 2] }); // [batch, groups, pixels, headDim]
  const valueKey = graph.op("MatMul", [graph.toFloat32(v), key]); // [batch, groups, headDim, headDim]
  const keySum = graph.op("ReduceSum", [key, graph.integers([2])], { keepdims: 1 }); // [batch, groups, 1, headDim]
  const epsilon = graph.float32Constant([LINEAR_ATTENTION_EPSILON], []);
  const denominator = graph.op("Add", [graph.op("MatMul", [keySum, query]), epsilon]);
  const mixed = graph.fromFloat32(graph.op("Div", [graph.op("MatMul", [valueKey, query]), denominator]));
  const image = reshape(graph, mixed, [0, groups * headDim, sizesOf(graph, x, [2, 3])]);
  const outputs = [channels, inner * scales.length];
  const out = graph.op("Conv", [image, graph.weight(`${name}.to_out.weight`, outputs, [...outputs, 1, 1])]);
  return graph.op("Add", [channelRmsNorm(graph, out, `${name}.norm_out`, channels), x]);
}

function downBlock(
  graph: GraphBuilder,
  x: Value,
  block: { name: string; inputs: number; outputs: number; type: AutoencoderConfig["downsampleBlockType"] },
): Value {
  const { inputs, outputs } = block;
  const name = `${block.name}.conv`;
  const main =
    block.type === "conv"
      ? convolution(graph, x, { name, inputs, outputs, kernel: 3, stride: 2 })
      : pixelUnshuffle(graph, convolution(graph, x, { name, inputs, outputs: outputs / 4, kernel: 3 }), outputs / 4);
  const shortcut = averageChannels(graph, pixelUnshuffle(graph, x, inputs), { inputs: 4 * inputs, outputs });
  return graph.op("Add", [main, shortcut]);
}

function upBlock(
  graph: GraphBuilder,
  x: Value,
  block: { name: string; inputs: number; outputs: number; type: AutoencoderConfig["upsampleBlockType"] },
): Value {
  const { inputs, outputs } = block;
  const name = `${block.name}.conv`;
  if (block.type === "interpolate") return interpolatingUpBlock(graph, x, { name, inputs, outputs });
  const main = pixelShuffle(graph, convolution(graph, x, { name, inputs, outputs: 4 * outputs, kernel: 3 }));
  const shortcut = pixelShuffle(graph, repeatChannels(graph, x, { inputs, outputs: 4 * outputs }));
  return graph.op("Add", [main, shortcut]);
}

/**
 * Nearest neighbours, a 3×3 convolution of the large picture, and the shortcut, in 4/9 of the products: the four large
 * pixels around a corner between small pixels see nothing but the four small ones that meet there. So they are four
 * outputs of one 2×2 convolution of the small picture, whose weights are sums of the 3×3 ones; the shortcut adds 1 to
 * one of them. The corners lie on the border too, so a pixel on each side is too much.
 */
function interpolatingUpBlock(
  graph: GraphBuilder,
  x: Value,
  { name, inputs, outputs }: { name: string; inputs: number; outputs: number },
): Value {
  const large = graph.float32Weight(`${name}.weight`, [outputs, inputs, 3, 3], [outputs, inputs, 9]);
  // Corner pixel 0 … 3 is the last … the first of its small pixel's four.
  const copied = Array.from({ length: outputs }, (_, channel) =>
    CORNER.map((pixel) => Math.floor(((4 * channel + 3 - pixel) * inputs) / (4 * outputs))),
  );
  const indices = reshape(graph, graph.integers(copied.flat()), [outputs, 4]);
  const shortcut = graph.op("OneHot", [indices, graph.integers([inputs]), graph.float32Constant([0, 1], [2])], {
    axis: 1,
  });
  const sums = graph.op("MatMul", [
    graph.op("Concat", [large, shortcut], { axis: 2 }), // [outputs, inputs, 9 + 4]
    graph.float32Constant(cornerSums().flat(), [13, 16]),
  ]);
  const byPixel = transpose(graph, reshape(graph, sums, [outputs, inputs, 4, 4]), [2, 0, 1, 3]);
  const small = graph.fromFloat32(reshape(graph, byPixel, [4 * outputs, inputs, 2, 2]));
  const bias = graph.weight(`${name}.bias`, [outputs]);
  const corners = graph.op("Conv", [x, small, graph.op("Concat", [bias, bias, bias, bias], { axis: 0 })], {
    kernel_shape: [2, 2],
    pads: [1, 1, 1, 1],
  });
  const shuffled = graph.op("DepthToSpace", [corners], { blocksize: 2, mode: "DCR" });
  return graph.op("Slice", [shuffled, graph.integers([1, 1]), graph.integers([-1, -1]), graph.integers([2, 3])]);
}

/** Four pixels around a corner, row by row. */
const CORNER = [0, 1, 2, 3] as const;

/**
 * What each of the 2×2 weights of the four large pixels, 16 columns, is the sum of: of nine 3×3 weights, and of four
 * flags that say which input the shortcut copies to each pixel.
 */
function cornerSums(): number[][] {
  // A large pixel before the corner has two of its three neighbours before it, one behind it has one.
  const isBehind = (pixel: number, tap: number): number => (pixel + tap > 1 ? 1 : 0);
  const halves = (place: number): [number, number] => [place >> 1, place & 1];
  const taps = Array.from({ length: 9 }, (_, tap) =>
    CORNER.flatMap((pixel) =>
      CORNER.map((place) => {
        const [[y, x], [row, column]] = [halves(pixel), halves(place)];
        const [tapY, tapX] = [Math.floor(tap / 3), tap % 3];
        return isBehind(y, tapY) === row && isBehind(x, tapX) === column ? 1 : 0;
      }),
    ),
  );
  const flags = CORNER.map((flag) =>
    CORNER.flatMap((pixel) => CORNER.map((place) => (flag === pixel && place === pixel ? 1 : 0))),
  );
  return [...taps, ...flags];
}

/** A convolution that keeps the picture's size (or halves it with stride 2). */
function convolution(
  graph: GraphBuilder,
  x: Value,
  layer: {
    name: string;
    inputs: number;
    outputs: number;
    kernel: number;
    stride?: number;
    groups?: number;
    bias?: boolean;
  },
): Value {
  const { name, inputs, outputs, kernel, stride = 1, groups = 1, bias = true } = layer;
  const padding = Math.floor(kernel / 2);
  return graph.op(
    "Conv",
    [
      x,
      graph.weight(`${name}.weight`, [outputs, inputs / groups, kernel, kernel]),
      bias ? graph.weight(`${name}.bias`, [outputs]) : "",
    ],
    {
      kernel_shape: [kernel, kernel],
      pads: [padding, padding, padding, padding],
      strides: [stride, stride],
      group: groups,
    },
  );
}

/** RMSNorm over the channels of every pixel, with weight and bias. */
function channelRmsNorm(graph: GraphBuilder, x: Value, name: string, channels: number): Value {
  // SimplifiedLayerNormalization works on the last axis; two transpositions and it take less time than the sum of
  // squares along another axis.
  const pixels = transpose(graph, x, [0, 2, 3, 1]);
  const scale = graph.weight(`${name}.weight`, [channels]);
  const scaled = rmsNorm(graph, pixels, { scale, epsilon: NORM_EPSILON });
  const shifted = graph.op("Add", [scaled, graph.weight(`${name}.bias`, [channels])]);
  return transpose(graph, shifted, [0, 3, 1, 2]);
}

function activate(graph: GraphBuilder, x: Value, activation: AutoencoderActivation): Value {
  return activation === "relu" ? graph.op("Relu", [x]) : silu(graph, x);
}

/** Means over runs of consecutive channels: [batch, inputs, h, w] -> [batch, outputs, h, w]. */
function averageChannels(graph: GraphBuilder, x: Value, channels: { inputs: number; outputs: number }): Value {
  const { inputs, outputs } = channels;
  if (inputs === outputs) return x;
  const runs = reshape(graph, x, [0, outputs, inputs / outputs, -1]);
  const means = graph.op("ReduceMean", [runs, graph.integers([2])], { keepdims: 0 });
  return reshape(graph, means, [0, outputs, sizesOf(graph, x, [2, 3])]);
}

/** Every channel repeated outputs/inputs times in a row. */
function repeatChannels(graph: GraphBuilder, x: Value, channels: { inputs: number; outputs: number }): Value {
  const { inputs, outputs } = channels;
  const indices = Array.from({ length: outputs }, (_, channel) => Math.floor((channel * inputs) / outputs));
  return graph.op("Gather", [x, graph.integers(indices)], { axis: 1 });
}

/** [batch, 4·c, h, w] -> [batch, c, 2h, 2w]; channel 4c + 2·dy + dx goes to pixel (2i + dy, 2j + dx). */
function pixelShuffle(graph: GraphBuilder, x: Value): Value {
  return graph.op("DepthToSpace", [x], { blocksize: 2, mode: "CRD" });
}

/** The inverse of `pixelShuffle`. ONNX's SpaceToDepth orders the channels differently. */
function pixelUnshuffle(graph: GraphBuilder, x: Value, channels: number): Value {
  const half = (axis: number): Value => graph.op("Div", [sizesOf(graph, x, [axis]), graph.integers([2])]);
  const [height, width] = [half(2), half(3)];
  const cells = reshape(graph, x, [0, channels, height, 2, width, 2]);
  const ordered = graph.op("Transpose", [cells], { perm: [0, 1, 3, 5, 2, 4] });
  return reshape(graph, ordered, [0, 4 * channels, height, width]);
}
