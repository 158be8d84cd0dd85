import assert from "node:assert/strict";
import { mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openSafetensors, readRows, readTensor, serializeSafetensors } from "../../../sidecar/checkpoint/safetensors";
import { assertRefused, oneTensor, rawSafetensors, safetensors, temporaryFolder, writeFiles } from "./checkpoint-files";

const folder = temporaryFolder();
const path = join(folder, "file.safetensors");

function write(bytes: Uint8Array): void {
  writeFiles(folder, { "file.safetensors": bytes });
}

async function refused(bytes: Uint8Array, ...patterns: RegExp[]): Promise<void> {
  write(bytes);
  await assertRefused(openSafetensors(path), "invalid-weights", /file\.safetensors/, ...patterns);
}

/** A header with one tensor, and as many bytes of data as given. */
function single(entry: object, dataBytes = 8): Uint8Array {
  return rawSafetensors({ a: { dtype: "F32", shape: [2], data_offsets: [0, 8], ...entry } }, new Uint8Array(dataBytes));
}

describe("openSafetensors", () => {
  it("lists tensors in the order of the file, with absolute offsets", async () => {
    const bytes = rawSafetensors(
      {
        second: { dtype: "BF16", shape: [1, 3], data_offsets: [4, 10] },
        __metadata__: { format: "pt" },
        first: { dtype: "F32", shape: [], data_offsets: [0, 4] },
        empty: { dtype: "I64", shape: [0, 5], data_offsets: [4, 4] },
      },
      new Uint8Array(10),
    );
    write(bytes);
    const opened = await openSafetensors(path);
    const file = realpathSync(path);
    const start = bytes.length - 10;
    assert.equal(opened.file, file);
    assert.deepStrictEqual(
      [...opened.tensors],
      [
        ["first", { dtype: "F32", shape: [], file, offset: start, byteLength: 4 }],
        ["empty", { dtype: "I64", shape: [0, 5], file, offset: start + 4, byteLength: 0 }],
        ["second", { dtype: "BF16", shape: [1, 3], file, offset: start + 4, byteLength: 6 }],
      ],
    );
    assert.deepStrictEqual([...opened.metadata], [["format", "pt"]]);
  });

  it("follows symbolic links to the file itself", async () => {
    write(oneTensor("a"));
    const link = join(folder, "link.safetensors");
    symlinkSync(path, link);
    assert.equal((await openSafetensors(link)).tensors.get("a")?.file, realpathSync(path));
  });

  it("takes names that mean something to JavaScript as names", async () => {
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
    const entries = names.map((name, i) => `"${name}":{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`);
    write(rawSafetensors(`{${entries.join(",")}}`, new Uint8Array(names.length)));
    assert.deepStrictEqual([...(await openSafetensors(path)).tensors.keys()], names);
  });

  it("refuses what is not a regular file", async () => {
    await assertRefused(openSafetensors(join(folder, "absent")), "invalid-weights", /absent does not exist/);
    mkdirSync(join(folder, "directory"), { recursive: true });
    await assertRefused(openSafetensors(join(folder, "directory")), "invalid-weights", /is a folder/);
    await assertRefused(openSafetensors("/dev/zero"), "invalid-weights", /not a regular file/);
    await assertRefused(openSafetensors(`${path}\0`), "invalid-weights", /cannot be read/);
  });

  it("refuses every truncation of a valid file", async () => {
    const bytes = oneTensor("a", [1, 2, 3]);
    for (let length = 0; length < bytes.length; length += 1) await refused(bytes.subarray(0, length));
    write(bytes);
    await assert.doesNotReject(openSafetensors(path));
  });

  it("refuses a header length that the file cannot have", async () => {
    await refused(rawSafetensors("{}", new Uint8Array(), 3n), /claims 3 bytes/);
    await refused(rawSafetensors("{}", new Uint8Array(), 16_000_001n), /at most 16000000/);
    await refused(rawSafetensors("{}", new Uint8Array(), 2n ** 63n), /claims 9223372036854775808/);
    await refused(rawSafetensors("{}", new Uint8Array(), 2n ** 64n - 1n), /claims/);
    await refused(rawSafetensors("", new Uint8Array(), 0n), /not valid JSON/);
  });

  it("refuses a header that is not a JSON object in UTF-8", async () => {
    await refused(rawSafetensors(Uint8Array.of(0x7b, 0xff, 0x7d)), /UTF-8/);
    await refused(rawSafetensors("{}}"), /not valid JSON/);
    await refused(rawSafetensors("[]"), /not a JSON object/);
    await refused(rawSafetensors("null"), /not a JSON object/);
    await refused(rawSafetensors("[".repeat(100_000)), /deeper/);
    await refused(rawSafetensors(`{"a":${"[".repeat(50)}${"]".repeat(50)}}`), /"a" is not described/);
    await refused(rawSafetensors('{"__metadata__":[]}'), /__metadata__/);
    await refused(rawSafetensors('{"__metadata__":{"a":1}}'), /__metadata__ "a"/);
  });

  it("refuses a name that occurs twice", async () => {
    const entry = '"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}';
    await refused(rawSafetensors(`{${entry},${entry}}`, new Uint8Array(1)), /"a" occurs twice/);
  });

  it("refuses a name that no message could show", async () => {
    const entry = { dtype: "U8", shape: [1], data_offsets: [0, 1] };
    await refused(rawSafetensors({ ["a".repeat(513)]: entry }, new Uint8Array(1)), /a name of 513 characters/);
  });

  it("refuses unknown dtypes", async () => {
    for (const dtype of ["F8_E4M3", "f32", "", "toString", 1, null, ["F32"]]) {
      await refused(single({ dtype }), /"a" has the dtype .*allowed are F32, F16/);
    }
  });

  it("refuses shapes that are no sizes or whose product overflows", async () => {
    const wrong = [
      [-2],
      [2.5],
      ["2"],
      [null],
      [[2]],
      {},
      "2",
      2,
      null,
      undefined,
      [1e300],
      Array(9).fill(1),
      [2 ** 53],
    ];
    for (const shape of wrong) await refused(single({ shape }), /"a" has an invalid shape/);
    for (const shape of [
      [2 ** 52, 2 ** 52],
      [2 ** 31, 2 ** 31],
      [2 ** 52, 2 ** 52, 0],
      [2 ** 53 - 1, 2 ** 53 - 1, 2 ** 53 - 1],
    ]) {
      await refused(single({ shape }), /"a" has an impossible shape/);
    }
  });

  it("refuses offsets that leave the file or do not fit the shape", async () => {
    for (const offsets of [[0], [0, 8, 8], [-8, 0], [0, 8.5], ["0", "8"], null, [0, 2 ** 53]]) {
      await refused(single({ data_offsets: offsets }), /"a" has invalid data_offsets/);
    }
    await refused(single({ data_offsets: [8, 0] }), /claims the bytes 8 to 0/);
    await refused(single({ data_offsets: [0, 16] }), /claims the bytes 0 to 16 of 8/);
    await refused(single({ data_offsets: [2 ** 53 - 9, 2 ** 53 - 1] }), /claims the bytes/);
    await refused(single({ data_offsets: [0, 4] }), /does not fit its 4 bytes/);
    await refused(single({ shape: [3] }), /does not fit its 8 bytes/);
    await refused(single({ shape: [0] }), /does not fit its 8 bytes/);
  });

  it("refuses overlaps, holes and bytes that belong to no tensor", async () => {
    const at = (begin: number, end: number): object => ({
      dtype: "U8",
      shape: [end - begin],
      data_offsets: [begin, end],
    });
    await refused(rawSafetensors({ a: at(0, 4), b: at(3, 8) }, new Uint8Array(8)), /"b" overlaps/);
    await refused(rawSafetensors({ a: at(0, 8), b: at(2, 4) }, new Uint8Array(8)), /"b" overlaps/);
    await refused(rawSafetensors({ a: at(0, 4), b: at(0, 4) }, new Uint8Array(4)), /overlaps/);
    await refused(rawSafetensors({ a: at(0, 4), b: at(5, 8) }, new Uint8Array(8)), /hole before the tensor "b"/);
    await refused(rawSafetensors({ a: at(1, 4) }, new Uint8Array(4)), /hole before the tensor "a"/);
    await refused(rawSafetensors({ a: at(0, 4) }, new Uint8Array(5)), /end at byte/);
    await refused(rawSafetensors({}, new Uint8Array(1)), /end at byte/);
  });
});

describe("readTensor", () => {
  it("widens every float dtype, also at an odd place in the file", async () => {
    const values = [0, -0, 1, -2.5, 65504, 2 ** -14];
    write(
      safetensors({
        odd: { dtype: "U8", shape: [1], data: Uint8Array.of(7) },
        f64: { dtype: "F64", shape: [6], data: Float64Array.from(values) },
        f32: { dtype: "F32", shape: [2, 3], data: Float32Array.from(values) },
        f16: { dtype: "F16", shape: [6], data: Uint16Array.of(0, 0x8000, 0x3c00, 0xc100, 0x7bff, 0x0400) },
        bf16: { dtype: "BF16", shape: [6], data: Uint16Array.of(0, 0x8000, 0x3f80, 0xc020, 0x477f, 0x3880) },
      }),
    );
    const { tensors } = await openSafetensors(path);
    const expected = Float32Array.from(values);
    for (const name of ["f64", "f32", "f16"])
      assert.deepStrictEqual(await readTensor(tensors.get(name)!), expected, name);
    // bfloat16 has no 65504; the nearest below is 65280.
    expected[4] = 65280;
    assert.deepStrictEqual(await readTensor(tensors.get("bf16")!), expected);
  });

  it("reads a tensor of several chunks", async () => {
    const halves = new Uint16Array(10_000_002);
    for (let i = 0; i < halves.length; i += 1) halves[i] = i % 0x7f80;
    write(safetensors({ a: { dtype: "BF16", shape: [2, halves.length / 2], data: halves } }));
    const read = await readTensor((await openSafetensors(path)).tensors.get("a")!);
    const expected = new Float32Array(new Uint32Array(halves).map((half) => half << 16).buffer);
    assert.ok(Buffer.from(read.buffer).equals(Buffer.from(expected.buffer)));
  });

  it("refuses integers and a file that has shrunk meanwhile", async () => {
    write(safetensors({ i: { dtype: "I32", shape: [1], data: Int32Array.of(1) } }));
    await assertRefused(readTensor((await openSafetensors(path)).tensors.get("i")!), "invalid-weights", /I32/);
    const bytes = oneTensor("a");
    write(bytes);
    const tensor = (await openSafetensors(path)).tensors.get("a")!;
    write(bytes.subarray(0, bytes.length - 4));
    await assertRefused(readTensor(tensor), "invalid-weights", /truncated/);
  });
});

describe("readRows", () => {
  async function rowsOf(tensors: Parameters<typeof safetensors>[0], rows: number[]): Promise<Float32Array> {
    write(safetensors(tensors));
    return readRows({ folder, tensors: (await openSafetensors(path)).tensors }, "table", rows);
  }

  it("gathers rows of floats in the order asked for", async () => {
    const table = { dtype: "F32", shape: [4, 3], data: Float32Array.from({ length: 12 }, (_, i) => i) };
    assert.deepStrictEqual([...(await rowsOf({ table }, [2, 0, 2]))], [6, 7, 8, 0, 1, 2, 6, 7, 8]);
    assert.equal((await rowsOf({ table }, [])).length, 0);
    const halves = { dtype: "BF16", shape: [2, 2], data: Uint16Array.of(0x3f80, 0x4000, 0x4040, 0x4080) };
    assert.deepStrictEqual([...(await rowsOf({ table: halves }, [1]))], [3, 4]);
  });

  it("multiplies int8 rows by their scale", async () => {
    const table = { dtype: "I8", shape: [3, 2], data: Int8Array.of(1, 2, -128, 127, 5, -6) };
    const scales = { dtype: "F32", shape: [3], data: Float32Array.of(1, 0.5, 0.25) };
    assert.deepStrictEqual([...(await rowsOf({ table, "table.scale": scales }, [1, 2]))], [-64, 63.5, 1.25, -1.5]);
    const halves = { dtype: "F16", shape: [3], data: Uint16Array.of(0x3c00, 0x3800, 0x3400) };
    assert.deepStrictEqual([...(await rowsOf({ table, "table.scale": halves }, [1, 2]))], [-64, 63.5, 1.25, -1.5]);
  });

  it("unpacks int4 blocks, low nibble first, each with its scale", async () => {
    const [rows, columns] = [3, 64];
    const quantized = (row: number, column: number): number => ((row * 7 + column * 3) % 16) - 8;
    const packed = Uint8Array.from({ length: (rows * columns) / 2 }, (_, i) => {
      const [row, column] = [Math.floor(i / 32), (i % 32) * 2];
      return (quantized(row, column) + 8) | ((quantized(row, column + 1) + 8) << 4);
    });
    const tensors = {
      table: { dtype: "U8", shape: [rows, columns / 2], data: packed },
      "table.scale": { dtype: "F32", shape: [rows, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    };
    const read = await rowsOf(tensors, [2, 1]);
    const expected = [2, 1].flatMap((row) =>
      Array.from({ length: columns }, (_, column) => quantized(row, column) * (row * 2 + Math.floor(column / 32) + 1)),
    );
    // Exact: all factors are small integers.
    assert.deepStrictEqual([...read], expected);
  });

  it("refuses rows that the table does not have", async () => {
    const table = { dtype: "F32", shape: [2, 1], data: Float32Array.of(1, 2) };
    for (const row of [2, -1, 0.5, NaN, Infinity]) {
      await assertRefused(rowsOf({ table }, [0, row]), "invalid-parameter", /"table" has no row .*only 0 to 1/);
    }
  });

  it("refuses tables that are missing, of another kind, or without fitting scales", async () => {
    const int8 = { dtype: "I8", shape: [2, 32], data: new Int8Array(64) };
    const int4 = { dtype: "U8", shape: [2, 16], data: new Uint8Array(32) };
    const scales = (shape: number[], dtype = "F32"): { dtype: string; shape: number[]; data: ArrayBufferView } => ({
      dtype,
      shape,
      data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
    });
    const cases: Parameters<typeof safetensors>[0][] = [
      { other: int8 },
      { table: { ...int8, shape: [64] } },
      { table: { dtype: "I64", shape: [2, 1], data: BigInt64Array.of(1n, 2n) } },
      { table: { dtype: "I64", shape: [2, 1], data: BigInt64Array.of(1n, 2n) }, "table.scale": scales([2]) },
      { table: int8 },
      { table: int8, "table.scale": scales([1]) },
      { table: int8, "table.scale": scales([2, 1]) },
      { table: int8, "table.scale": scales([2], "I32") },
      { table: int4, "table.scale": scales([2]) },
      { table: int4, "table.scale": scales([2, 2]) },
    ];
    for (const tensors of cases) await assertRefused(rowsOf(tensors, [0]), "invalid-weights", /table/);
  });
});

describe("serializeSafetensors", () => {
  it("writes what openSafetensors reads, aligned and independent of the order given", async () => {
    const floats = { dtype: "F32", shape: [1, 3], data: Float32Array.of(1, 2, 3) } as const;
    const integers = { dtype: "I64", shape: [2], data: BigInt64Array.of(1n, -1n) } as const;
    const bytes = serializeSafetensors({ floats, integers });
    assert.deepStrictEqual(serializeSafetensors({ integers, floats }), bytes);
    write(bytes);
    const { tensors } = await openSafetensors(path);
    assert.deepStrictEqual([...tensors.keys()], ["integers", "floats"]);
    for (const { offset } of tensors.values()) assert.equal(offset % 8, 0);
    assert.deepStrictEqual(tensors.get("floats")?.shape, [1, 3]);
    assert.deepStrictEqual(await readTensor(tensors.get("floats")!), floats.data);
    const { offset } = tensors.get("integers")!;
    assert.deepStrictEqual(new BigInt64Array(bytes.slice(offset, offset + 16).buffer), integers.data);
  });
});
