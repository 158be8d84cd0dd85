import { QUANTIZATION_BLOCK } from "../checkpoint/weights";
import type { GraphBuilder, Value } from "./graph-builder";

/** The layers that more than one model uses in exactly the same form. */

/** A fully connected layer of a checkpoint. */
interface LinearLayer {
  readonly name: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly bias: boolean;
  /** The weight lies in the checkpoint as a 1×1 convolution over tokens, [outputs, inputs, 1, 1]. */
  readonly convolution?: boolean;
  /** Never multiply 8-bit integers: for layers that cost nothing and on which everything else depends. */
  readonly exact?: boolean;
  /** The rows of `x` come out of a norm and are alike in size. */
  readonly normalized?: boolean;
  /** What each output is multiplied with in the end, [outputs]. */
  readonly gain?: Value;
}

/**
 * y = (x·Wᵀ + b)·gain for `x` [rows, inputs], giving [rows, outputs]. The weight lies in the checkpoint as
 * [outputs, inputs].
 */
export function linear(graph: GraphBuilder, x: Value, layer: LinearLayer): Value {
  const matrix = [layer.outputs, layer.inputs];
  const stored = layer.convolution ? [...matrix, 1, 1] : matrix;
  const bias = layer.bias ? graph.weight(`${layer.name}.bias`, [layer.outputs]) : "";
  if (graph.integerProducts && layer.exact !== true) {
    const int8 = graph.int8Matrix(`${layer.name}.weight`, { ...layer, stored });
    if (int8 !== undefined) return matMulInt8(graph, x, withGain(graph, { ...int8, bias }, layer), layer.normalized);
  }
  const int4 = graph.int4Matrix(`${layer.name}.weight`, layer.outputs, layer.inputs);
  const product =
    int4 === undefined
      ? // Gemm reads the [outputs, inputs] layout as it is; MatMul would need a transposed copy of every weight.
        graph.op("Gemm", [x, graph.weight(`${layer.name}.weight`, stored, matrix), bias], { transB: 1 })
      : matMulInt4(graph, x, { ...layer, ...int4, bias });
  return layer.gain === undefined ? product : graph.op("Mul", [product, layer.gain]);
}

/** The same product with a matrix of 4-bit numbers, which is multiplied without widening it in memory first. */
function matMulInt4(
  graph: GraphBuilder,
  x: Value,
  matrix: { packed: Value; scales: Value; bias: Value | ""; inputs: number; outputs: number },
): Value {
  const attributes = {
    K: matrix.inputs,
    N: matrix.outputs,
    bits: 4,
    block_size: QUANTIZATION_BLOCK,
    // 1: in float32; with 8-bit integers it would not be faster. A float16 graph multiplies in its own precision.
    accuracy_level: graph.precision === "float32" ? 1 : undefined,
  };
  const inputs = [x, matrix.packed, matrix.scales, "", "", matrix.bias] as const;
  return graph.op("MatMulNBits", inputs, attributes, "com.microsoft");
}

const INT8_MAX = 127;

/** Rows of nothing but zeros are divided by this instead of by 0. */
const SMALLEST_ROW_MAXIMUM = 1e-30;

/** A matrix of `int8Matrix` and what is added to the product, "" for nothing. */
interface Int8Layer {
  readonly columns: Value;
  readonly scales: Value;
  readonly zeroPoint: Value;
  readonly bias: Value | "";
}

/** A gain costs nothing where the columns have scales anyway. */
function withGain(graph: GraphBuilder, layer: Int8Layer, { gain }: LinearLayer): Int8Layer {
  if (gain === undefined) return layer;
  const scaled = (value: Value): Value => graph.op("Mul", [value, gain]);
  return { ...layer, scales: scaled(layer.scales), bias: layer.bias === "" ? "" : scaled(layer.bias) };
}

/**
 * The same product with a matrix of 8-bit integers: sums of products of integers, scaled back to float32. Activations
 * are rounded to 255 steps between −m and m, m being the largest magnitude of their own row, because one scale for all
 * rows costs twice the error; but not where the rows are alike in size (test/bench/README.md).
 */
function matMulInt8(graph: GraphBuilder, x: Value, matrix: Int8Layer, normalized = false): Value {
  const product = (activations: readonly [quantized: Value, scale: Value, zeroPoint: Value], bias: Value | "") => {
    const [quantized, scale, zeroPoint] = activations;
    const factors = [quantized, matrix.columns, scale, matrix.scales, zeroPoint, matrix.zeroPoint] as const;
    return graph.op("MatMulIntegerToFloat", [...factors, bias], {}, "com.microsoft");
  };
  // Several layers read the same activations.
  if (normalized) {
    const rounded = graph.shared<[Value, Value, Value]>(`rounded ${x}`, () => {
      const [quantized, scale, zeroPoint] = graph.ops("DynamicQuantizeLinear", [x], {}, 3);
      return [quantized!, scale!, zeroPoint!];
    });
    return product(rounded, matrix.bias);
  }
  const step = graph.float32Constant([1 / INT8_MAX], []);
  const zeroPoint = graph.bytes("uint8", [INT8_MAX + 1], []);
  const [quantized, rowMaximum] = graph.shared<[Value, Value]>(`rounded by rows ${x}`, () => {
    const maximum = graph.op("ReduceMax", [graph.op("Abs", [x]), graph.integers([-1])], { keepdims: 1 });
    const divisor = graph.op("Max", [maximum, graph.float32Constant([SMALLEST_ROW_MAXIMUM], [])]);
    return [graph.op("QuantizeLinear", [graph.op("Div", [x, divisor]), step, zeroPoint]), divisor];
  });
  const scaled = graph.op("Mul", [product([quantized, step, zeroPoint], ""), rowMaximum]);
  return matrix.bias === "" ? scaled : graph.op("Add", [scaled, matrix.bias]);
}

/** x · sigmoid(x) in one kernel. */
export function silu(graph: GraphBuilder, x: Value): Value {
  return graph.op("QuickGelu", [x], { alpha: { float: 1 } }, "com.microsoft");
}

/** x / sqrt(mean(x²) + epsilon) · scale over the last axis; the mean is formed in float32 (stash_type). */
export function rmsNorm(graph: GraphBuilder, x: Value, options: { scale: Value; epsilon: number }): Value {
  return graph.op("SimplifiedLayerNormalization", [x, options.scale], {
    axis: -1,
    epsilon: { float: options.epsilon },
    stash_type: 1,
  });
}

/**
 * (x − mean) / sqrt(variance + epsilon) · scale + bias over the last axis. In float32 these four nodes together take less
 * time than ONNX Runtime's LayerNormalization, which the CPU computes one number at a time.
 */
export function layerNorm(graph: GraphBuilder, x: Value, norm: { scale: Value; bias: Value; epsilon: number }): Value {
  if (graph.precision === "float16") {
    // Its mean is formed in float32.
    const attributes = { axis: -1, epsilon: { float: norm.epsilon } };
    return graph.op("LayerNormalization", [x, norm.scale, norm.bias], attributes);
  }
  const centred = graph.op("Sub", [x, graph.op("ReduceMean", [x, graph.integers([-1])], { keepdims: 1 })]);
  return graph.op("Add", [rmsNorm(graph, centred, norm), norm.bias]);
}

/** The sizes of `x` along some axes as int64 [axes.length], for building Reshape targets at run time. */
export function sizesOf(graph: GraphBuilder, x: Value, axes: readonly number[]): Value {
  return graph.op("Gather", [graph.op("Shape", [x]), graph.integers(axes)], { axis: 0 });
}

/** Reshape whose target mixes sizes known now with int64 [k] values known when the graph runs. */
export function reshape(graph: GraphBuilder, x: Value, target: readonly (number | Value)[]): Value {
  if (target.every((size) => typeof size === "number")) return graph.op("Reshape", [x, graph.integers(target)]);
  const parts = target.map((size) => (typeof size === "number" ? graph.integers([size]) : size));
  return graph.op("Reshape", [x, graph.op("Concat", parts, { axis: 0 })]);
}

/** Transpose with the given order of axes. */
export function transpose(graph: GraphBuilder, x: Value, permutation: readonly number[]): Value {
  return graph.op("Transpose", [x], { perm: permutation });
}
