import assert from "node:assert/strict";
import { mkdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, it } from "node:test";
import { openWeights } from "../../../sidecar/checkpoint/weight-files";
import { assertRefused, oneTensor, safetensors, temporaryFolder, writeFiles } from "./checkpoint-files";

const root = temporaryFolder();
const folder = join(root, "transformer");

const BASE = "diffusion_pytorch_model";

/** Which tensors, from which files. */
async function opened(baseName = BASE): Promise<Record<string, string>> {
  const { tensors } = await openWeights(folder, baseName);
  return Object.fromEntries(
    [...tensors].map(([name, { file }]) => [name, file.slice(realpathSync(folder).length + 1)]),
  );
}

function index(map: unknown): object {
  return { metadata: { total_size: 8 }, weight_map: map };
}

describe("openWeights", () => {
  beforeEach(() => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
  });

  it("prefers an index to a single file, and plain names to variants", async () => {
    const files: [name: string, content: unknown, expected: Record<string, string>][] = [
      [`${BASE}.fp16.safetensors`, oneTensor("fp16"), { fp16: `${BASE}.fp16.safetensors` }],
      [
        `${BASE}.safetensors.index.fp16.json`,
        index({ s16: `${BASE}.fp16-00001-of-00001.safetensors` }),
        { s16: `${BASE}.fp16-00001-of-00001.safetensors` },
      ],
      [`${BASE}.bf16.safetensors`, oneTensor("bf16"), { bf16: `${BASE}.bf16.safetensors` }],
      [
        `${BASE}.bf16.safetensors.index.json`,
        index({ sb16: `${BASE}.bf16-00001-of-00001.safetensors` }),
        { sb16: `${BASE}.bf16-00001-of-00001.safetensors` },
      ],
      [`${BASE}.safetensors`, oneTensor("plain"), { plain: `${BASE}.safetensors` }],
      [
        `${BASE}.safetensors.index.json`,
        index({ a: `${BASE}-00001-of-00002.safetensors`, b: `${BASE}-00002-of-00002.safetensors` }),
        { a: `${BASE}-00001-of-00002.safetensors`, b: `${BASE}-00002-of-00002.safetensors` },
      ],
    ];
    writeFiles(folder, {
      [`${BASE}.fp16-00001-of-00001.safetensors`]: oneTensor("s16"),
      [`${BASE}.bf16-00001-of-00001.safetensors`]: oneTensor("sb16"),
      [`${BASE}-00001-of-00002.safetensors`]: oneTensor("a"),
      [`${BASE}-00002-of-00002.safetensors`]: oneTensor("b"),
    });
    // Each file that is added wins over all before it.
    for (const [name, content, expected] of files) {
      writeFiles(folder, { [name]: content });
      assert.deepStrictEqual(await opened(), expected, name);
    }
  });

  it("reads the text encoder's names", async () => {
    writeFiles(folder, {
      "model.safetensors.index.bf16.json": index({ a: "model.bf16-00001-of-00001.safetensors" }),
      "model.bf16-00001-of-00001.safetensors": oneTensor("a"),
    });
    assert.deepStrictEqual(await opened("model"), { a: "model.bf16-00001-of-00001.safetensors" });
  });

  it("follows links out of the folder, as download caches lay them out", async () => {
    writeFiles(root, { "blobs/0123": oneTensor("a") });
    symlinkSync("../blobs/0123", join(folder, `${BASE}.safetensors`));
    const { tensors } = await openWeights(folder, BASE);
    assert.equal(tensors.get("a")?.file, realpathSync(join(root, "blobs/0123")));
  });

  it("refuses an index that leads anywhere but to files of its folder", async () => {
    writeFiles(root, { "outside.safetensors": oneTensor("a") });
    const shards = [
      "../outside.safetensors",
      join(root, "outside.safetensors"),
      "..\\outside.safetensors",
      "C:outside.safetensors",
      "sub/outside.safetensors",
      "..",
      ".",
      "",
      "outside.safetensors\0",
      "\0.safetensors",
      ".safetensors",
      "model.bin",
      5,
      null,
      ["a.safetensors"],
    ];
    for (const shard of shards) {
      writeFiles(folder, { [`${BASE}.safetensors.index.json`]: index({ a: shard }) });
      await assertRefused(opened(), "invalid-weights", /index\.json: "weight_map" leads to/, /same folder/);
    }
  });

  it("refuses an index without a map", async () => {
    for (const json of [{}, [], null, index(null), index([]), index("a"), index({})]) {
      writeFiles(folder, { [`${BASE}.safetensors.index.json`]: json });
      await assertRefused(opened(), "invalid-weights", /index\.json: "weight_map"/);
    }
    writeFiles(folder, { [`${BASE}.safetensors.index.json`]: "{" });
    await assertRefused(opened(), "invalid-checkpoint", /index\.json is not valid JSON/);
  });

  it("names a missing shard, a tensor that its shard lacks, and one that two shards have", async () => {
    const [one, two] = [`${BASE}-00001-of-00002.safetensors`, `${BASE}-00002-of-00002.safetensors`];
    writeFiles(folder, { [`${BASE}.safetensors.index.json`]: index({ a: one, b: two }), [one]: oneTensor("a") });
    await assertRefused(opened(), "invalid-weights", /00002-of-00002\.safetensors does not exist/);
    writeFiles(folder, { [two]: oneTensor("c") });
    await assertRefused(opened(), "invalid-weights", /00002-of-00002\.safetensors: the tensor "b" is missing/);
    writeFiles(folder, { [two]: oneTensor("a") });
    await assertRefused(opened(), "invalid-weights", /00002-of-00002\.safetensors: the tensor "a" is in another shard/);
  });

  it("reads tensors that the index does not mention, as the reference does", async () => {
    const shard = `${BASE}-00001-of-00001.safetensors`;
    const tensor = { dtype: "F32", shape: [1], data: Float32Array.of(1) };
    writeFiles(folder, {
      [`${BASE}.safetensors.index.json`]: index({ a: shard }),
      [shard]: safetensors({ a: tensor, b: tensor }),
    });
    assert.deepStrictEqual(await opened(), { a: shard, b: shard });
  });

  it("says why pickle files are not read, and what is missing otherwise", async () => {
    await assertRefused(
      opened(),
      "invalid-weights",
      /transformer has no weights; diffusion_pytorch_model\.safetensors or/,
    );
    writeFiles(folder, { [`${BASE}.bin`]: "pickle" });
    await assertRefused(opened(), "unsupported", /diffusion_pytorch_model\.bin is a pickle file/);
    rmSync(folder, { recursive: true });
    await assertRefused(opened(), "invalid-checkpoint", /transformer does not exist/);
  });
});
