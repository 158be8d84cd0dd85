import { SanaError } from "../errors";
import type { GraphPrecision } from "../onnx/graph-builder";

/** Where ONNX Runtime computes. Every one of them falls back to the CPU for single operators that it lacks. */
export type ExecutionProvider = "cpu" | "webgpu" | "cuda";

/** The number format of a computation: float32 everywhere, or float16 where a network bears it. */
export type Precision = "fp32" | "fp16";

/** What the networks of one picture are computed with. */
export interface Compute {
  readonly provider: ExecutionProvider;
  readonly precision: Precision;
}

/** The format of the networks that bear float16: the transformer and the autoencoder, not the text encoder. */
export function graphPrecision({ precision }: Compute): GraphPrecision {
  return precision === "fp16" ? "float16" : "float32";
}

/**
 * Runs `attempt` and, where float16 gave numbers that are not finite, once more in float32, after `notify` was told so
 * in one line. Whatever else `attempt` throws is passed on.
 */
export async function orInFloat32<Result>(
  compute: Compute,
  attempt: (compute: Compute) => Promise<Result>,
  notify: (message: string) => void,
): Promise<Result> {
  try {
    return await attempt(compute);
  } catch (error) {
    if (compute.precision !== "fp16" || !(error instanceof SanaError) || error.code !== "non-finite") throw error;
    notify(`float16 is too narrow for this checkpoint (${error.message}); computing once more in float32`);
    return attempt({ ...compute, precision: "fp32" });
  }
}
