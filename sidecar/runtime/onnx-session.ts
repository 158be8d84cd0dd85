import type * as Ort from "onnxruntime-node";
import type { OnnxModel } from "../onnx/graph-builder";
import type { FloatTensor } from "../tensor/float-tensor";
import type { ExecutionProvider } from "./compute";

/** A loaded graph. Inputs and outputs are float32; unused names are refused by ONNX Runtime. */
export interface OnnxSession {
  /** Runs the graph once. Blocks the calling thread until it is done. */
  run(feeds: Readonly<Record<string, FloatTensor>>, outputs: readonly string[]): Promise<Record<string, FloatTensor>>;
  release(): Promise<void>;
}

export interface SessionOptions {
  /**
   * Whether the graph runs often enough for its weights to be rearranged for speed when it is loaded. That costs a
   * second copy of them in memory and pays from the second run on.
   */
  readonly runsOften: boolean;
  readonly provider: ExecutionProvider;
  /** Refuse the graph where an operator of it would run on the CPU instead. */
  readonly onlyProvider?: boolean;
}

/** Loads a graph. Its weights are mapped from their own files, not read into the model. */
export async function createSession(model: OnnxModel, options: SessionOptions): Promise<OnnxSession> {
  const ort = await loadOnnxRuntime();
  const session = await ort.InferenceSession.create(model.bytes, {
    executionProviders: [options.provider],
    graphOptimizationLevel: "all",
    // Warnings of ONNX Runtime are for its developers; errors come as exceptions.
    logSeverityLevel: 3,
    extra: {
      session: {
        model_external_initializers_file_folder_path: model.externalFolder,
        disable_prepacking: options.runsOften ? "0" : "1",
        disable_cpu_ep_fallback: options.onlyProvider === true ? "1" : "0",
      },
    },
  });
  return {
    run: async (feeds, outputs) => {
      const tensors = Object.fromEntries(
        Object.entries(feeds).map(([name, { data, dims }]) => [name, new ort.Tensor("float32", data, dims)]),
      );
      const results = await session.run(tensors, outputs);
      return Object.fromEntries(
        outputs.map((name) => {
          const { data, dims } = results[name]!;
          return [name, { data: data as Float32Array, dims }];
        }),
      );
    },
    release: () => session.release(),
  };
}

/**
 * ONNX Runtime's native library, loaded when the first graph is. Its Linux and macOS builds would upload events about
 * every session and keep an identifier on the disk; this variable, read once while the library loads, turns all of it
 * off. Source: onnxruntime/core/platform/posix/telemetry.cc.
 */
async function loadOnnxRuntime(): Promise<typeof Ort> {
  process.env["ORT_DISABLE_TELEMETRY"] = "1";
  return import("onnxruntime-node");
}
