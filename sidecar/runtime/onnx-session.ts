import type * as Ort from "onnxruntime-node";
import { regularFile } from "../checkpoint/files";
import { SanaError } from "../errors";
import { GraphBuilder, type OnnxModel, type Value } from "../onnx/graph-builder";
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
   * Whether the graph runs often enough for its weights to be widened once, when it is loaded. That
   * costs a second, larger copy of them in memory and pays from the second run on.
   */
  readonly runsOften: boolean;
  readonly provider: ExecutionProvider;
  /** Whether float32 means all its bits: NVIDIA's libraries multiply with 10 of the 23 otherwise, which is faster. */
  readonly exact?: boolean;
  /** Refuse the graph where an operator of it would run on the CPU instead. */
  readonly onlyProvider?: boolean;
}

let overflow: Promise<boolean> | undefined;

/**
 * Whether this processor's fastest products of 8-bit integers are wrong for large ones: without VNNI, x86 adds two
 * products in 16 bits. Found out by computing one, because Node.js does not say what a processor knows.
 */
function integerProductsOverflow(): Promise<boolean> {
  return (overflow ??= computesTooLittle());
}

async function computesTooLittle(): Promise<boolean> {
  const [rows, inputs, columns] = [4, 64, 16];
  const graph = new GraphBuilder("largest_products", { folder: "", tensors: new Map() });
  const matrix = (type: "int8" | "uint8", value: number, sizes: [number, number]): Value =>
    graph.bytes(type, new Array<number>(sizes[0] * sizes[1]).fill(value), sizes);
  const factors = [matrix("uint8", 255, [rows, inputs]), matrix("int8", 127, [inputs, columns])];
  const scale = graph.input("scale", []);
  const sums = graph.op("MatMulIntegerToFloat", [...factors, scale, scale], {}, "com.microsoft");
  graph.output("sums", sums, [rows, columns]);
  const session = await createSession(graph.build(), { runsOften: false, provider: "cpu" });
  try {
    const { sums: found } = await session.run({ scale: { data: Float32Array.of(1), dims: [] } }, ["sums"]);
    return found!.data.some((sum) => sum !== inputs * 255 * 127);
  } finally {
    await session.release();
  }
}

/**
 * Loads a graph. Its weights are mapped from their own files, not read into the model. Throws `invalid-weights` where
 * one of those is gone.
 */
export async function createSession(model: OnnxModel, options: SessionOptions): Promise<OnnxSession> {
  // Read when those libraries are first used: a session that comes after one in float16 keeps the shorter products.
  if (options.provider === "cuda" && options.exact === true) process.env["NVIDIA_TF32_OVERRIDE"] = "0";
  const ort = await loadOnnxRuntime();
  const exactIntegers = model.integerProducts && (await integerProductsOverflow());
  const optimize = options.runsOften || options.provider !== "cpu" || exactIntegers;
  const session = await explained(
    ort.InferenceSession.create(model.bytes, {
      executionProviders: [options.provider],
      // Optimising converts all weights at once and keeps the results; unoptimised, each is converted where it is used.
      graphOptimizationLevel: optimize ? "all" : "disabled",
      // Planning the memory of a whole run ahead keeps the largest plan for every size that has been run.
      enableMemPattern: false,
      // Warnings of ONNX Runtime are for its developers; errors come as exceptions.
      logSeverityLevel: 3,
      extra: {
        session: {
          model_external_initializers_file_folder_path: model.externalFolder,
          // Slower, but then nothing overflows. It is a step of the optimisation: without that it would do nothing.
          x64quantprecision: exactIntegers ? "1" : "0",
          disable_cpu_ep_fallback: options.onlyProvider === true ? "1" : "0",
        },
      },
    }),
    options.provider,
  ).catch(async (error: unknown) => {
    // A folder may be removed at any time; ONNX Runtime has words of its own for that.
    for (const file of model.externalFiles) await regularFile(file, "invalid-weights");
    throw error;
  });
  return {
    run: async (feeds, outputs) => {
      const tensors = Object.fromEntries(
        Object.entries(feeds).map(([name, { data, dims }]) => [name, new ort.Tensor("float32", data, dims)]),
      );
      const results = await explained(session.run(tensors, outputs), options.provider);
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
 * Waits for something that a GPU does. Unlike the CPU it may refuse a graph or a size that is right: its memory is
 * full, or a kernel of its provider has limits. Throws `insufficient-memory` or `unsupported` then.
 */
async function explained<Result>(work: Promise<Result>, provider: ExecutionProvider): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    if (provider === "cpu" || !(error instanceof Error)) throw error;
    const isMemory = /out of (?:device |host )?memory|failed to allocate|allocation failed|\bOOM\b/i.test(
      error.message,
    );
    const advice = "use a smaller picture or --provider cpu";
    if (isMemory) {
      throw new SanaError("insufficient-memory", `the GPU's memory is full; ${advice}`, { cause: error });
    }
    const reason = error.message.split("\n")[0]!.slice(0, 500);
    throw new SanaError("unsupported", `${provider} cannot compute this (${reason}); ${advice}`, { cause: error });
  }
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
