import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import type { StoredDtype, StoredTensor, WeightDirectory } from "../../../sidecar/checkpoint/weights";
import { SanaError } from "../../../sidecar/errors";
import { GraphBuilder, type GraphPrecision } from "../../../sidecar/onnx/graph-builder";
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

/** The converted weight, read back through a graph that multiplies the identity matrix with it. */
async function converted(
  weights: WeightDirectory,
  { rows, columns, precision = "float32" }: { rows: number; columns: number; precision?: GraphPrecision },
): Promise<number[]> {
  const graph = new GraphBuilder("test", weights, precision);
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
    assert.deepEqual(await converted(weights, { rows: 2, columns: 3 }), [...values]);
  });

  it("widens bfloat16 and float16 exactly", async () => {
    const bf16 = Uint16Array.of(0x3f80, 0xc000, 0x3e80, 0x4120); // 1, −2, 0.25, 10
    const fp16 = Uint16Array.of(0x3c00, 0xc000, 0x3400, 0x4900);
    for (const [dtype, data] of [
      ["BF16", bf16],
      ["F16", fp16],
    ] as const) {
      const weights = weightsOf({ "w.weight": { dtype, shape: [2, 2], bytes: bytesOf(data) } });
      assert.deepEqual(await converted(weights, { rows: 2, columns: 2 }), [1, -2, 0.25, 10], dtype);
    }
  });

  it("multiplies int8 rows with their scales", async () => {
    const weights = weightsOf({
      "w.weight": { dtype: "I8", shape: [2, 2], bytes: bytesOf(Int8Array.of(127, -128, 3, -4)) },
      "w.weight.scale": { dtype: "F32", shape: [2], bytes: bytesOf(Float32Array.of(0.5, 2)) },
    });
    assert.deepEqual(await converted(weights, { rows: 2, columns: 2 }), [63.5, -64, 6, -8]);
  });

  it("multiplies int8 rows as integers, each row of activations rounded by its own largest magnitude", async () => {
    const [inputs, outputs] = [64, 32];
    const quantized = Int8Array.from({ length: outputs * inputs }, (_, i) => ((i * 37) % 255) - 127);
    const scales = Float32Array.from({ length: outputs }, (_, row) => 0.001 * (row + 1));
    const bias = Float32Array.from({ length: outputs }, (_, row) => row - 16);
    const weights = weightsOf({
      "w.weight": { dtype: "I8", shape: [outputs, inputs], bytes: bytesOf(quantized) },
      "w.weight.scale": { dtype: "F32", shape: [outputs], bytes: bytesOf(scales) },
      "w.bias": { dtype: "F32", shape: [outputs], bytes: bytesOf(bias) },
    });
    const graph = new GraphBuilder("test", weights, "int8");
    const x = graph.input("x", ["n", inputs]);
    graph.output("y", linear(graph, x, { name: "w", inputs, outputs, bias: true }), ["n", outputs]);
    const session = await createSession(graph.build(), { runsOften: true, provider: "cpu" });
    // Rows of very different size, and one of zeros.
    const rows = [1000, 1, 1e-6, 0];
    const data = Float32Array.from({ length: rows.length * inputs }, (_, i) => {
      return rows[Math.floor(i / inputs)]! * Math.sin(i * i);
    });
    const { y } = await session.run({ x: { data, dims: [rows.length, inputs] } }, ["y"]);
    await session.release();
    rows.forEach((_, row) => {
      const values = data.subarray(row * inputs, (row + 1) * inputs);
      const largest = Math.max(...values.map(Math.abs));
      for (let column = 0; column < outputs; column += 1) {
        let sum = 0;
        values.forEach((value, k) => {
          const rounded = largest === 0 ? 0 : (Math.round((value / largest) * 127) * largest) / 127;
          sum += rounded * quantized[column * inputs + k]! * scales[column]!;
        });
        const found = y!.data[row * outputs + column]!;
        // Beyond the rounding above only float32's own: a few parts in 10^7 of the largest possible sum.
        const tolerance = 1e-6 * (inputs * largest * 127 * scales[column]! + Math.abs(bias[column]!));
        assert.ok(Math.abs(found - (sum + bias[column]!)) <= tolerance, `row ${row}, column ${column}: ${found}`);
      }
    });
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
    assert.deepEqual(await converted(weights, { rows: 2, columns }), expected);
  });

  it("rounds every stored form once where the graph is float16", async () => {
    // 1 + 2^−11 lies halfway between two float16 numbers and goes to the even one, 1; 100,000 is past the largest.
    const cases: [string, Parameters<typeof weightsOf>[0], number[]][] = [
      [
        "F32",
        { w32: { dtype: "F32", shape: [1, 2], bytes: bytesOf(Float32Array.of(1 + 2 ** -11, 1e5)) } },
        [1, Infinity],
      ],
      [
        "F16",
        { w16: { dtype: "F16", shape: [1, 2], bytes: bytesOf(Uint16Array.of(0x3c01, 0x7bff)) } },
        [1 + 2 ** -10, 65504],
      ],
      [
        "BF16",
        { wb16: { dtype: "BF16", shape: [1, 2], bytes: bytesOf(Uint16Array.of(0x4049, 0xbf80)) } },
        [3.140625, -1],
      ],
      [
        "I8",
        {
          w8: { dtype: "I8", shape: [1, 2], bytes: bytesOf(Int8Array.of(3, -100)) },
          // Rounded to float16 itself, the scale would give 0.99951 times these.
          "w8.scale": { dtype: "F32", shape: [1], bytes: bytesOf(Float32Array.of(1 + 2 ** -11)) },
        },
        [3.001953125, -100.0625],
      ],
    ];
    for (const [stored, tensors, expected] of cases) {
      const graph = new GraphBuilder("test", weightsOf(tensors), "float16");
      const name = Object.keys(tensors)[0]!;
      graph.output("y", graph.op("Add", [graph.input("x", [2]), graph.weight(name, [1, 2])]), [1, 2]);
      const session = await createSession(graph.build(), { runsOften: true, provider: "cpu" });
      const { y } = await session.run({ x: { data: new Float32Array(2), dims: [2] } }, ["y"]);
      await session.release();
      assert.deepEqual([...y!.data], expected, stored);
    }
  });

  it("multiplies int4 blocks in float16", async () => {
    const columns = 32;
    const scale = 0.5;
    const packed = Uint8Array.from({ length: columns / 2 }, (_, i) => i | ((15 - i) << 4));
    const weights = weightsOf({
      "w.weight": { dtype: "U8", shape: [1, columns / 2], bytes: packed },
      "w.weight.scale": { dtype: "F32", shape: [1, 1], bytes: bytesOf(Float32Array.of(scale)) },
    });
    const expected = [...packed].flatMap((byte) => [((byte & 15) - 8) * scale, ((byte >> 4) - 8) * scale]);
    assert.deepEqual(await converted(weights, { rows: 1, columns, precision: "float16" }), expected);
  });

  it("keeps float32 between toFloat32 and fromFloat32, and takes and gives float32 outside", async () => {
    const graph = new GraphBuilder("test", weightsOf({}), "float16");
    const x = graph.input("x", [2]);
    const raw = graph.float32Input("raw", [2]);
    const square = graph.op("Mul", [graph.toFloat32(x), graph.toFloat32(x)]);
    graph.output("inside", graph.fromFloat32(graph.op("Mul", [square, graph.float32Constant([1e-6], [])])), [2]);
    graph.output("raw_root", graph.fromFloat32(graph.op("Sqrt", [raw])), [2]);
    const session = await createSession(graph.build(), { runsOften: false, provider: "cpu" });
    const feeds = {
      x: { data: Float32Array.of(1000, 2), dims: [2] },
      raw: { data: Float32Array.of(1e8, 4), dims: [2] },
    };
    const results = await session.run(feeds, ["inside", "raw_root"]);
    await session.release();
    // 1000² and 1e8 are past float16's largest number. 4e-6 is 67.1 of its smallest steps of 2^−24.
    assert.deepEqual([...results["inside"]!.data], [1, 67 * 2 ** -24]);
    assert.deepEqual([...results["raw_root"]!.data], [10_000, 2]);
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
