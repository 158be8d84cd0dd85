import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, realpathSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openSafetensors } from "../../../sidecar/checkpoint/safetensors";
import { checkWeights, modelHash } from "../../../sidecar/checkpoint/weight-integrity";
import type { WeightDirectory } from "../../../sidecar/checkpoint/weights";
import { assertRefused, oneTensor, safetensors, temporaryFolder, writeFiles } from "./checkpoint-files";

const folder = realpathSync(temporaryFolder());

async function component(name: string, bytes: Uint8Array): Promise<WeightDirectory> {
  writeFiles(folder, { [name]: bytes });
  return { folder, tensors: (await openSafetensors(join(folder, name))).tensors };
}

const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const newCache = (): string => mkdtempSync(join(folder, "cache-"));

/** Changes a file without a trace in its size or times. */
function rewrite(path: string, bytes: Uint8Array): void {
  const { atime, mtime } = statSync(path);
  // Whole milliseconds survive the round trip through Date exactly.
  writeFileSync(path, bytes);
  utimesSync(path, atime, mtime);
}

describe("checkWeights", () => {
  it("hashes every file once, whatever components share it", async () => {
    const [one, two] = [oneTensor("a", [1]), oneTensor("b", [2, 3])];
    const first = await component("one.safetensors", one);
    const second = await component("two.safetensors", two);
    assert.deepStrictEqual(await checkWeights([first, second, first], newCache()), [sha256(one), sha256(two)]);
  });

  it("hashes files of several chunks and finds the last number in them", async () => {
    const halves = new Uint16Array(10_000_001).fill(0x7f7f);
    const tensors = (): Parameters<typeof safetensors>[0] => ({
      // An odd length moves everything after it to an odd place in the file.
      odd: { dtype: "U8", shape: [1], data: Uint8Array.of(255) },
      long: { dtype: "BF16", shape: [halves.length], data: halves },
      after: { dtype: "F32", shape: [1], data: Float32Array.of(1) },
    });
    const bytes = safetensors(tensors());
    assert.deepStrictEqual(await checkWeights([await component("long.safetensors", bytes)], newCache()), [
      sha256(bytes),
    ]);
    halves[halves.length - 1] = 0x7f80;
    const weights = await component("long.safetensors", safetensors(tensors()));
    await assertRefused(
      checkWeights([weights], newCache()),
      "invalid-weights",
      /long\.safetensors: .*"long" has numbers/,
    );
  });

  it("names the first tensor with a number that is not finite, in every float dtype", async () => {
    const cases: [dtype: string, good: ArrayBufferView, bad: ArrayBufferView][] = [
      ["F32", Float32Array.of(1, 2), Float32Array.of(1, NaN)],
      ["F64", Float64Array.of(1, 2), Float64Array.of(-Infinity, 2)],
      ["F16", Uint16Array.of(0x3c00, 0x7bff), Uint16Array.of(0x7c00, 0)],
      ["BF16", Uint16Array.of(0x3f80, 0x7f7f), Uint16Array.of(0, 0xffc0)],
    ];
    for (const [dtype, good, bad] of cases) {
      const weights = await component(
        `${dtype}.safetensors`,
        safetensors({
          good: { dtype, shape: [2], data: good },
          integers: { dtype: "I32", shape: [2], data: Int32Array.of(-1, 0x7f800000) },
          bad: { dtype, shape: [2], data: bad },
          worse: { dtype, shape: [2], data: bad },
        }),
      );
      await assertRefused(
        checkWeights([weights], newCache()),
        "invalid-weights",
        new RegExp(`${dtype}\\.safetensors: the tensor "bad"`),
      );
    }
  });

  it("reads a file again only when its size or time has changed", async () => {
    const cache = newCache();
    const path = join(folder, "cached.safetensors");
    const [before, after] = [oneTensor("a", [1]), oneTensor("a", [2])];
    const weights = await component("cached.safetensors", before);
    utimesSync(path, 1_700_000_000, 1_700_000_000);
    assert.deepStrictEqual(await checkWeights([weights], cache), [sha256(before)]);
    rewrite(path, after);
    assert.deepStrictEqual(await checkWeights([weights], cache), [sha256(before)]);
    utimesSync(path, 1_700_000_000, 1_700_000_001);
    assert.deepStrictEqual(await checkWeights([weights], cache), [sha256(after)]);
    assert.deepStrictEqual(await checkWeights([weights], newCache()), [sha256(after)]);
  });

  it("remembers that a file is not finite", async () => {
    const cache = newCache();
    const weights = await component("nan.safetensors", oneTensor("a", [NaN]));
    const path = join(folder, "nan.safetensors");
    utimesSync(path, 1_700_000_000, 1_700_000_000);
    await assertRefused(checkWeights([weights], cache), "invalid-weights", /"a"/);
    rewrite(path, oneTensor("a", [1]));
    await assertRefused(checkWeights([weights], cache), "invalid-weights", /"a"/);
  });

  it("does without a cache that is damaged or cannot be written", async () => {
    const bytes = oneTensor("a", [1]);
    const weights = await component("plain.safetensors", bytes);
    const cache = newCache();
    await checkWeights([weights], cache);
    assert.deepStrictEqual(readdirSync(cache), ["weight-integrity.json"]);
    const good = readFileSync(join(cache, "weight-integrity.json"), "utf8");
    for (const damaged of [
      "",
      "{",
      "[]",
      '{"version":2,"files":[]}',
      good.replace(/"sha256":"[0-9a-f]/, '"sha256":"x'),
      "[".repeat(1e6),
    ]) {
      writeFileSync(join(cache, "weight-integrity.json"), damaged);
      assert.deepStrictEqual(await checkWeights([weights], cache), [sha256(bytes)]);
      assert.equal(readFileSync(join(cache, "weight-integrity.json"), "utf8"), good);
    }
    // A cache folder inside a file can be neither read nor made.
    assert.deepStrictEqual(await checkWeights([weights], join(folder, "plain.safetensors", "cache")), [sha256(bytes)]);
  });

  it("stops when it is told to", async () => {
    const weights = await component("stop.safetensors", oneTensor("a", [1]));
    const reason = new Error("stopped");
    await assert.rejects(checkWeights([weights], newCache(), AbortSignal.abort(reason)), reason);
  });

  it("names a file that has gone or shrunk since its header was read", async () => {
    const bytes = oneTensor("a", [1]);
    const weights = await component("short.safetensors", bytes);
    writeFileSync(join(folder, "short.safetensors"), bytes.subarray(0, bytes.length - 1));
    await assertRefused(checkWeights([weights], newCache()), "invalid-weights", /short\.safetensors ended at byte/);
  });
});

describe("modelHash", () => {
  it("is the SHA-256 of the sorted hashes, joined", () => {
    const [a, b] = [sha256("a"), sha256("b")];
    const [low, high] = [a, b].sort() as [string, string];
    assert.equal(modelHash([high, low]), sha256(low + high));
    assert.equal(modelHash([low, high]), sha256(low + high));
    assert.notEqual(modelHash([low]), low);
  });
});
