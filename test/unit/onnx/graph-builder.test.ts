import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { StoredDtype, StoredTensor, WeightDirectory } from "../../../sidecar/checkpoint/weights";
import { SanaError } from "../../../sidecar/errors";
import { GraphBuilder } from "../../../sidecar/onnx/graph-builder";
import { linear } from "../../../sidecar/onnx/ops";
import { createSession } from "../../../sidecar/runtime/onnx-session";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "sana-graph-")));
after(() => {
  rmSync(folder, { recursive: true });
});

/** Writes raw tensors behind 24 bytes of something else, as they lie behind a safetensors header. */
function weightsOf(
  tensors: Record<string, { dtype: StoredDtype; shape: number[]; bytes: Uint8Array }>,
): WeightDirectory {
  const file = join(folder, `${Object.keys(tensors).join("-")}.bin`);
  const parts: Uint8Array[] = [new Uint8Array(24)];
  const stored = new Map<string, StoredTensor>();
  let offset = 24;
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    stored.set(name, { dtype, shape, file, offset, byteLength: bytes.length });
    parts.push(bytes);
    offset += bytes.length;
  }
  writeFileSync(file, Buffer.concat(parts));
  return { folder, tensors: stored };
}

function bytesOf(array: Float32Array | Uint16Array | Int8Array | Uint8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** The widened weight, read back through a graph that multiplies the identity matrix with it. */
async function widened(weights: WeightDirectory, rows: number, columns: number): Promise<number[]> {
  const graph = new GraphBuilder("test", weights);
  const x = graph.input("x", ["n", columns]);
  graph.output("y", linear(graph, x, { name: "w", inputs: columns, outputs: rows, bias: false }), ["n", rows]);
  const session = await createSession(graph.build(), { runsOften: false, provider: "cpu" });
  const identity = new Float32Array(columns * columns);
  for (let i = 0; i < columns; i += 1) identity[i * columns + i] = 1;
  const { y } = await session.run({ x: { data: identity, dims: [columns, columns] } }, ["y"]);
  await session.release();
  // y is [columns, rows]; back to [rows, columns].
  return Array.from({ length: rows * columns }, (_, i) => y!.data[(i % columns) * rows + Math.floor(i / columns)]!);
}

describe("GraphBuilder weights", () => {
  it("uses float32 tensors where they lie in their file", async () => {
    const values = Float32Array.of(1, -2, 3.5, 4, 5, -6.25);
    const weights = weightsOf({ "w.weight": { dtype: "F32", shape: [2, 3], bytes: bytesOf(values) } });
    assert.deepEqual(await widened(weights, 2, 3), [...values]);
  });

  it("widens bfloat16 and float16 exactly", async () => {
    const bf16 = Uint16Array.of(0x3f80, 0xc000, 0x3e80, 0x4120); // 1, −2, 0.25, 10
    const fp16 = Uint16Array.of(0x3c00, 0xc000, 0x3400, 0x4900);
    for (const [dtype, data] of [
      ["BF16", bf16],
      ["F16", fp16],
    ] as const) {
      const weights = weightsOf({ "w.weight": { dtype, shape: [2, 2], bytes: bytesOf(data) } });
      assert.deepEqual(await widened(weights, 2, 2), [1, -2, 0.25, 10], dtype);
    }
  });

  it("multiplies int8 rows with their scales", async () => {
    const weights = weightsOf({
      "w.weight": { dtype: "I8", shape: [2, 2], bytes: bytesOf(Int8Array.of(127, -128, 3, -4)) },
      "w.weight.scale": { dtype: "F32", shape: [2], bytes: bytesOf(Float32Array.of(0.5, 2)) },
    });
    assert.deepEqual(await widened(weights, 2, 2), [63.5, -64, 6, -8]);
  });

  it("unpacks int4 blocks, low half first, zero at 8", async () => {
    const columns = 64;
    const quantized = Array.from({ length: 2 * columns }, (_, i) => (i * 7) % 16);
    const packed = Uint8Array.from({ length: columns }, (_, i) => quantized[2 * i]! | (quantized[2 * i + 1]! << 4));
    const scales = Float32Array.of(0.5, 0.25, 2, 4);
    const weights = weightsOf({
      "w.weight": { dtype: "U8", shape: [2, columns / 2], bytes: packed },
      "w.weight.scale": { dtype: "F32", shape: [2, 2], bytes: bytesOf(scales) },
    });
    const expected = quantized.map((q, i) => (q - 8) * scales[Math.floor(i / 32)]!);
    assert.deepEqual(await widened(weights, 2, columns), expected);
  });

  it("names the tensor that is missing, of another shape or of a type without arithmetic", () => {
    const weights = weightsOf({
      a: { dtype: "F32", shape: [2], bytes: new Uint8Array(8) },
      b: { dtype: "I64", shape: [2], bytes: new Uint8Array(16) },
    });
    const graph = new GraphBuilder("test", weights);
    const refusal = (message: RegExp) => (error: unknown) =>
      error instanceof SanaError && error.code === "invalid-weights" && message.test(error.message);
    assert.throws(() => graph.weight("missing", [2]), refusal(/"missing" is missing/));
    assert.throws(() => graph.weight("a", [3]), refusal(/"a" has the shape \[2\].*\[3\]/));
    assert.throws(() => graph.weight("b", [2]), refusal(/"b" is stored as I64/));
  });
});
