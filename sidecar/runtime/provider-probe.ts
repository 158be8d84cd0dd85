import { readdirSync, readlinkSync } from "node:fs";
import { GraphBuilder, type GraphPrecision } from "../onnx/graph-builder";
import type { ExecutionProvider } from "./compute";
import type { ProbeAnswer } from "./execution-provider";
import { createSession } from "./onnx-session";

/**
 * Started by execution-provider.ts: computes one matrix product with the provider that its argument names and sends a
 * `ProbeAnswer` to its parent.
 */
const SIDE = 16;

async function probe(provider: ExecutionProvider): Promise<ProbeAnswer> {
  try {
    await multiply(provider, "float32");
  } catch (error) {
    // ONNX Runtime's own words, not the advice that is added to them.
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    return { error: cause instanceof Error ? cause.message : String(cause) };
  }
  // Where float16 fails, float32 still works.
  const float16 = await multiply(provider, "float16").then(
    () => true,
    () => false,
  );
  return { float16, software: provider === "webgpu" && !holdsGraphicsDevice() };
}

/** Throws unless a matrix of twos times one of halves is SIDE everywhere, computed by the provider itself. */
async function multiply(provider: ExecutionProvider, precision: GraphPrecision): Promise<void> {
  const graph = new GraphBuilder("probe", { folder: "", tensors: new Map() }, precision);
  const [a, b] = [graph.input("a", ["rows", SIDE]), graph.input("b", [SIDE, "columns"])];
  graph.output("c", graph.op("MatMul", [a, b]), ["rows", "columns"]);
  const session = await createSession(graph.build(), { runsOften: false, provider, onlyProvider: true });
  const matrix = (value: number): { data: Float32Array; dims: number[] } => ({
    data: new Float32Array(SIDE * SIDE).fill(value),
    dims: [SIDE, SIDE],
  });
  const { c } = await session.run({ a: matrix(2), b: matrix(0.5) }, ["c"]);
  await session.release();
  if (!c!.data.every((value) => value === SIDE)) throw new Error("a test run gave wrong numbers");
}

/** Whether this process talks to a GPU. What computes in software holds no device. Linux only; elsewhere: yes. */
function holdsGraphicsDevice(): boolean {
  if (process.platform !== "linux") return true;
  return readdirSync("/proc/self/fd").some((descriptor) => {
    try {
      return /^\/dev\/(?:dri\/renderD|nvidia|dxg)/.test(readlinkSync(`/proc/self/fd/${descriptor}`));
    } catch {
      // The descriptor of the listing itself is gone by now.
      return false;
    }
  });
}

void probe(process.argv[2] as ExecutionProvider).then((answer) => {
  // Sessions of some drivers do not end by themselves.
  process.send?.(answer, () => process.exit());
});
