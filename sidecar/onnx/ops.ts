import { QUANTIZATION_BLOCK } from "../checkpoint/weights";
import type { GraphBuilder, Value } from "./graph-builder";

/** The layers that more than one model uses in exactly the same form. */

/**
 * y = x·Wᵀ + b for `x` float32 [rows, inputs], giving [rows, outputs]. The weight lies in the checkpoint as
 * [outputs, inputs] (or [outputs, inputs, 1, 1], a 1×1 convolution over tokens).
 */
export function linear(
  graph: GraphBuilder,
  x: Value,
  layer: { name: string; inputs: number; outputs: number; bias: boolean; convolution?: boolean },
): Value {
  const matrix = [layer.outputs, layer.inputs];
  const stored = layer.convolution ? [...matrix, 1, 1] : matrix;
  const bias = layer.bias ? graph.weight(`${layer.name}.bias`, [layer.outputs]) : "";
  const int4 = graph.int4Matrix(`${layer.name}.weight`, layer.outputs, layer.inputs);
  if (int4 !== undefined) return matMulInt4(graph, x, { ...layer, ...int4, bias });
  const weight = graph.weight(`${layer.name}.weight`, stored, matrix);
  // Gemm reads the [outputs, inputs] layout as it is; MatMul would need a transposed copy of every weight.
  return graph.op("Gemm", [x, weight, bias], { transB: 1 });
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
    // 1: in float32. A float16 graph multiplies in its own precision.
    accuracy_level: graph.precision === "float32" ? 1 : undefined,
  };
  const inputs = [x, matrix.packed, matrix.scales, "", "", matrix.bias] as const;
  return graph.op("MatMulNBits", inputs, attributes, "com.microsoft");
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
