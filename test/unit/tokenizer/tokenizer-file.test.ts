import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { readTokenizerFile } from "../../../sidecar/tokenizer/tokenizer-file";

const folder = mkdtempSync(join(tmpdir(), "sana-tokenizer-file-"));
const file = join(folder, "tokenizer.json");
after(() => {
  rmSync(folder, { recursive: true });
});

interface Content {
  added_tokens: Record<string, unknown>[];
  normalizer: unknown;
  pre_tokenizer: unknown;
  post_processor: { single: unknown[]; special_tokens: Record<string, unknown> };
  model: Record<string, unknown> & { vocab: Record<string, unknown>; merges: unknown };
}

function content(): Content {
  return JSON.parse(readFileSync("test/golden/tokenizer/pruned-tokenizer.json", "utf8")) as Content;
}

async function assertRefused(path: string, message: RegExp): Promise<void> {
  await assert.rejects(readTokenizerFile(path), (error: unknown) => {
    assert.ok(error instanceof Error);
    assert.equal((error as { code?: unknown }).code, "invalid-input-file");
    assert.match(error.message, message);
    assert.ok(error.message.includes(path), error.message);
    return true;
  });
}

describe("readTokenizerFile", () => {
  it("gives the model, the added tokens and what comes first", async () => {
    writeFileSync(file, JSON.stringify(content()));
    const contents = await readTokenizerFile(folder);
    assert.equal(contents.file, file);
    assert.deepEqual(contents.prefixIds, [contents.model.vocab["<bos>"]]);
    assert.ok(contents.addedTokens.includes("<h1>"));
    assert.equal(contents.model.byte_fallback, true);
  });

  it("refuses files that are not there or not files", async () => {
    await assertRefused(join(folder, "missing"), /does not exist/);
    mkdirSync(join(folder, "empty"));
    await assertRefused(join(folder, "empty"), /empty.tokenizer\.json: it does not exist/);
    mkdirSync(join(folder, "odd", "tokenizer.json"), { recursive: true });
    await assertRefused(join(folder, "odd"), /not a file/);
  });

  it("refuses bytes that are not JSON", async () => {
    for (const bytes of [Buffer.of(), Buffer.from('{"model":'), Buffer.of(0x22, 0xff, 0x22), Buffer.from("NaN")]) {
      writeFileSync(file, bytes);
      await assertRefused(file, /not JSON/);
    }
  });

  it("refuses a file far larger than any tokenizer before it reads it", async () => {
    writeFileSync(file, "");
    truncateSync(file, 64 * 1024 * 1024 + 1);
    await assertRefused(file, /at most 67108864/);
  });

  const changes: [name: string, change: (content: Content) => void, message: RegExp][] = [
    ["another model type", ({ model }) => (model["type"] = "WordPiece"), /model\.type.*"BPE".*"WordPiece"/],
    ["no model", (json) => Reflect.deleteProperty(json, "model"), /model/],
    ["no vocabulary", ({ model }) => Reflect.deleteProperty(model, "vocab"), /model\.vocab/],
    ["a vocabulary that is a list", (json) => (json.model.vocab = [] as never), /model\.vocab/],
    ["no merges", ({ model }) => Reflect.deleteProperty(model, "merges"), /model\.merges/],
    ["a merge of three", ({ model }) => (model.merges = [["a", "b", "c"]]), /model\.merges/],
    ["a merge of one", ({ model }) => (model.merges = ["ab"]), /model\.merges/],
    ["a merge of three in a string", ({ model }) => (model.merges = ["a b c"]), /model\.merges/],
    ["merges of both spellings", ({ model }) => (model.merges = ["a b", ["a", "b"]]), /model\.merges/],
    ["unknown tokens that are not fused", ({ model }) => (model["fuse_unk"] = false), /model\.fuse_unk/],
    ["random dropout", ({ model }) => (model["dropout"] = 0.1), /model\.dropout/],
    [
      "a prefix of subwords",
      ({ model }) => (model["continuing_subword_prefix"] = "##"),
      /model\.continuing_subword_prefix/,
    ],
    ["an unknown token without id", ({ model }) => (model["unk_token"] = "<nothing>"), /<nothing>/],
    ["another normalizer", (json) => (json.normalizer = { type: "NFKC" }), /normalizer\.type/],
    ["no normalizer", (json) => (json.normalizer = null), /normalizer/],
    ["another pre-tokenizer", (json) => (json.pre_tokenizer = { type: "Whitespace" }), /pre_tokenizer/],
    [
      "a template with an end",
      ({ post_processor: p }) => p.single.push({ SpecialToken: { id: "<bos>" } }),
      /post_processor\.single/,
    ],
    ["a template without ids", ({ post_processor: p }) => (p.special_tokens = {}), /<bos>/],
    ["an added token that strips", ({ added_tokens: [token] }) => (token!["lstrip"] = true), /added_tokens\.0\.lstrip/],
    [
      "an added token without content",
      ({ added_tokens: [token] }) => (token!["content"] = 1),
      /added_tokens\.0\.content/,
    ],
  ];
  for (const [name, change, message] of changes) {
    it(`refuses ${name}`, async () => {
      const changed = content();
      change(changed);
      writeFileSync(file, JSON.stringify(changed));
      await assertRefused(file, message);
    });
  }

  it("refuses JSON that is not an object", async () => {
    for (const text of ["[]", "null", "3", '"x"', "[".repeat(100_000) + "]".repeat(100_000)]) {
      writeFileSync(file, text);
      await assertRefused(file, /not a Gemma tokenizer|not JSON/);
    }
  });
});
