import { SanaError } from "../errors";
import type { GraphPrecision } from "../onnx/graph-builder";

/** Where ONNX Runtime computes. Every one of them falls back to the CPU for single operators that it lacks. */
export type ExecutionProvider = "cpu" | "webgpu" | "cuda";

/**
 * The number format of a computation: float32 everywhere; float16 where a network bears it (on GPUs); or, on the
 * CPU, matrix products of 8-bit integers in text encoder and transformer, `int4` with a text encoder of 4-bit weights.
 */
export type Precision = "fp32" | "fp16" | "int8" | "int4";

/** What the networks of one picture are computed with. */
export interface Compute {
  readonly provider: ExecutionProvider;
  readonly precision: Precision;
}

/** What was chosen before the checkpoint is known. `auto`, on the CPU only: what the checkpoint was made for. */
export interface ComputeChoice {
  readonly provider: ExecutionProvider;
  readonly precision: Precision | "auto";
}

/** `auto` settled by the checkpoint's generation defaults: float32 where they say nothing. */
export function computeFor(
  choice: ComputeChoice,
  defaults: { readonly cpuPrecision?: Precision | undefined },
): Compute {
  const { provider, precision } = choice;
  return { provider, precision: precision === "auto" ? (defaults.cpuPrecision ?? "fp32") : precision };
}

/** The transformer's format. The text encoder has the same one, but bears no float16. */
export function graphPrecision({ precision }: Compute): GraphPrecision {
  if (precision === "fp16") return "float16";
  return precision === "fp32" ? "float32" : "int8";
}

/** The autoencoder's format: it has convolutions where the others have matrix products. */
export function autoencoderPrecision({ precision }: ComputeChoice): GraphPrecision {
  return precision === "fp16" ? "float16" : "float32";
}

/**
 * Runs `attempt` and, where float16 gave numbers that are not finite, once more in float32, after `notify` was told so
 * in one line. Whatever else `attempt` throws is passed on.
 */
export async function orInFloat32<Choice extends ComputeChoice, Result>(
  compute: Choice,
  attempt: (compute: Choice) => Promise<Result>,
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
