import assert from "node:assert/strict";
import { readdirSync, readFileSync, realpathSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { openSafetensors, readRows, readTensor } from "../../../sidecar/checkpoint/safetensors";
import type { WeightDirectory } from "../../../sidecar/checkpoint/weights";
import { quantizedWeights } from "../../../sidecar/generation/quantized-weights";
import { assertRefused, safetensors, temporaryFolder, writeFiles } from "../checkpoint/checkpoint-files";

const folder = realpathSync(temporaryFolder());
const cache = join(folder, "cache", "sana-vscode", "quantized");
const MATRIX = "layers.0.mlp.gate_proj.weight";
const NARROW = "layers.0.self_attn.q_proj.weight";

/** A text encoder's weights; the first matrix divides into blocks of 32, the second does not. */
async function textEncoder(name: string, factor = 1): Promise<WeightDirectory> {
  const floats = (length: number): Float32Array => Float32Array.from({ length }, (_, i) => factor * Math.sin(i * i));
  const bytes = safetensors({
    "embed_tokens.weight": { dtype: "F32", shape: [4, 8], data: floats(32) },
    [MATRIX]: { dtype: "F32", shape: [6, 64], data: floats(384) },
    [NARROW]: { dtype: "F32", shape: [5, 8], data: floats(40) },
    "norm.weight": { dtype: "BF16", shape: [3], data: Uint16Array.of(0x3f80, 0xc000, 0x3e80) },
  });
  writeFiles(folder, { [`${name}/model.safetensors`]: bytes });
  const path = join(folder, name);
  return { folder: path, tensors: (await openSafetensors(join(path, "model.safetensors"))).tensors };
}

/** The quantised weights and what was said about them. */
async function quantized(
  source: WeightDirectory,
  bits: 4 | 8 = 8,
): Promise<{ weights: WeightDirectory; said: string[] }> {
  const said: string[] = [];
  const notify = (message: string): void => void said.push(message);
  return { weights: await quantizedWeights(source, { component: "text_encoder", bits, notify }), said };
}

const allRows = async (weights: WeightDirectory, name: string): Promise<Float32Array> =>
  readRows(weights, name, [...Array(weights.tensors.get(name)!.shape[0]).keys()]);

describe("quantizedWeights", () => {
  const previous = process.env["XDG_CACHE_HOME"];
  before(() => (process.env["XDG_CACHE_HOME"] = join(folder, "cache")));
  after(() => {
    if (previous === undefined) delete process.env["XDG_CACHE_HOME"];
    else process.env["XDG_CACHE_HOME"] = previous;
  });

  it("quantises the matrices, copies the rest and leaves the embedding where it is", async () => {
    const source = await textEncoder("first");
    // Half a step: 1 / 254 of the largest magnitude, 1; with 4 bits up to a whole one of 1 / 8.
    for (const [bits, dtype, limit] of [
      [8, "I8", 1 / 254],
      [4, "U8", 1 / 8],
    ] as const) {
      const { weights } = await quantized(source, bits);
      assert.equal(weights.tensors.get(MATRIX)!.dtype, dtype);
      assert.equal(weights.tensors.get(NARROW)!.dtype, "I8");
      assert.equal(weights.tensors.get("embed_tokens.weight"), source.tensors.get("embed_tokens.weight"));
      assert.deepEqual([...(await readTensor(weights.tensors.get("norm.weight")!))], [1, -2, 0.25]);
      for (const name of [MATRIX, NARROW]) {
        const [found, expected] = [await allRows(weights, name), await allRows(source, name)];
        const error = Math.max(...found.map((value, i) => Math.abs(value - expected[i]!)));
        assert.ok(error > 0 && error <= limit + 1e-6, `${name}, ${bits} bits: ${error}`);
      }
    }
  });

  it("is done once for the same weights, says so with its size, and anew for others", async () => {
    const { said } = await quantized(await textEncoder("second", 2));
    assert.match(said[0]!, /converting the text encoder of .*second to int8, once/);
    assert.match(said[1]!, /kept \d+\.\d+ GB in .*text_encoder-int8-/);
    assert.deepEqual((await quantized(await textEncoder("the same under another name", 2))).said, []);
    assert.equal((await quantized(await textEncoder("second", 3))).said.length, 2);
  });

  it("makes damaged, truncated and incomplete files again", async () => {
    const source = await textEncoder("third", 4);
    const { weights } = await quantized(source);
    const path = weights.tensors.get(MATRIX)!.file;
    const good = readFileSync(path);
    const damages: (() => void)[] = [
      () => {
        const bytes = Buffer.from(good);
        bytes[bytes.length - 1]! ^= 1;
        writeFileSync(path, bytes);
      },
      () => {
        truncateSync(path, good.length - 1);
      },
      () => {
        writeFileSync(`${path}.sha256`, "");
      },
    ];
    for (const damage of damages) {
      damage();
      assert.equal((await quantized(source)).said.length, 2);
      assert.deepEqual(readFileSync(path), good);
      assert.deepEqual((await quantized(source)).said, []);
    }
    assert.deepEqual(
      readdirSync(cache).filter((name) => name.endsWith(".tmp")),
      [],
    );
    assert.equal(statSync(cache).mode & 0o077, 0);
  });

  it("takes weights that are integers already as they are", async () => {
    const { weights } = await quantized(await textEncoder("fourth", 5));
    const { weights: again, said } = await quantized(weights, 4);
    assert.equal(again, weights);
    assert.deepEqual(said, []);
  });

  it("refuses where the cache cannot be written, and leaves nothing", async () => {
    const source = await textEncoder("fifth", 6);
    writeFiles(folder, { "no-cache/sana-vscode": "a file in the folder's place" });
    process.env["XDG_CACHE_HOME"] = join(folder, "no-cache");
    await assertRefused(quantized(source), "output-failed", /cannot write .*text_encoder-int8-/);
    process.env["XDG_CACHE_HOME"] = join(folder, "cache");
  });
});
