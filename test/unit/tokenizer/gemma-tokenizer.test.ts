import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { openTokenizer, type GemmaTokenizer } from "../../../sidecar/tokenizer/gemma-tokenizer";

const GOLDEN = "test/golden/tokenizer";
const folder = mkdtempSync(join(tmpdir(), "sana-tokenizer-"));
after(() => {
  rmSync(folder, { recursive: true });
});

function readGolden(name: string): unknown {
  return JSON.parse(readFileSync(`${GOLDEN}/${name}.json`, "utf8"));
}

/** Every string is compared before the test fails, so that one message shows all that differ. */
function assertSameIds(tokenizer: GemmaTokenizer, strings: readonly string[], ids: readonly number[][]): void {
  assert.equal(strings.length, ids.length);
  const different = strings.flatMap((text, i) => {
    const actual = tokenizer.encode(text);
    return isDeepStrictEqual(actual, ids[i]) ? [] : [{ text, actual, expected: ids[i] }];
  });
  assert.deepEqual(different, []);
}

interface FullGolden {
  strings: string[];
  ids: number[][];
  long: { unit: string; times: number; count: number; sha256: string }[];
}

for (const name of ["gemma2", "gemma3"]) {
  describe(`the full tokenizer ${name}`, async () => {
    const golden = readGolden(name) as FullGolden;
    const tokenizer = await openTokenizer(`node_modules/@lenml/tokenizer-${name}/models`);

    it(`gives the ids of the Python library for ${golden.strings.length} hard strings`, () => {
      assertSameIds(tokenizer, golden.strings, golden.ids);
    });

    it("gives the ids of the Python library for texts of 100 000 characters, in seconds", () => {
      for (const { unit, times, count, sha256 } of golden.long) {
        const text = unit.repeat(times);
        const start = performance.now();
        const ids = tokenizer.encode(text);
        const seconds = (performance.now() - start) / 1000;
        assert.equal(ids.length, count, `${count} tokens of ${JSON.stringify(unit)}`);
        assert.equal(createHash("sha256").update(Int32Array.from(ids)).digest("hex"), sha256, JSON.stringify(unit));
        // One second or two on a slow core that is free; quadratic merging would take hours.
        assert.ok(seconds < 60, `${JSON.stringify(unit)} took ${seconds} s`);
      }
    });

    it("reads half a surrogate pair as U+FFFD", () => {
      for (const [text, wellFormed] of [
        ["\ud83e", "\ufffd"],
        ["a\udd8ab", "a\ufffdb"],
        ["\udd8a\ud83e", "\ufffd\ufffd"],
        ["\ud83e🦊", "\ufffd🦊"],
      ] as const) {
        assert.deepEqual(tokenizer.encode(text), tokenizer.encode(wellFormed));
      }
      assert.notDeepEqual(tokenizer.encode("\ud83e"), tokenizer.encode(""));
    });
  });
}

describe("a tokenizer with a pruned vocabulary", () => {
  const file = `${GOLDEN}/pruned-tokenizer.json`;
  interface File {
    padding: unknown;
    truncation: unknown;
    pre_tokenizer: unknown;
    post_processor: unknown;
    model: { vocab: Record<string, number>; merges: (string | string[])[] };
  }
  const golden = readGolden("pruned") as Record<"ids" | "without_bytes" | "without_one_byte", number[][]> & {
    strings: string[];
  };

  async function openChanged(change: (content: File) => void): Promise<GemmaTokenizer> {
    const content = readGolden("pruned-tokenizer") as File;
    change(content);
    writeFileSync(join(folder, "changed.json"), JSON.stringify(content));
    return openTokenizer(join(folder, "changed.json"));
  }

  it("falls back to bytes as the Python library does", async () => {
    assertSameIds(await openTokenizer(file), golden.strings, golden.ids);
  });

  it("falls back to one <unk> for each stretch that cannot be written in bytes", async () => {
    const withoutBytes = await openChanged(({ model }) => {
      for (const token of Object.keys(model.vocab))
        if (/^<0x..>$/.test(token)) Reflect.deleteProperty(model.vocab, token);
    });
    assertSameIds(withoutBytes, golden.strings, golden.without_bytes);
    const withoutOneByte = await openChanged(({ model }) => Reflect.deleteProperty(model.vocab, "<0xF0>"));
    assertSameIds(withoutOneByte, golden.strings, golden.without_one_byte);
  });

  it("reads merges as strings and as pairs", async () => {
    const withStrings = await openChanged(({ model }) => {
      model.merges = model.merges.map((merge) => (merge as string[]).join(" "));
    });
    assertSameIds(withStrings, golden.strings, golden.ids);
  });

  it("leaves stored padding and truncation to the caller, and needs no pre-tokenizer", async () => {
    const changed = await openChanged((content) => {
      content.padding = { strategy: { Fixed: 8 }, direction: "Left", pad_id: 0, pad_type_id: 0, pad_token: "<pad>" };
      content.truncation = { direction: "Right", max_length: 4, strategy: "LongestFirst", stride: 0 };
      content.pre_tokenizer = null;
    });
    assertSameIds(changed, golden.strings, golden.ids);
  });

  it("adds no <bos> where the file has no template for it", async () => {
    const changed = await openChanged((content) => {
      content.post_processor = null;
    });
    assertSameIds(
      changed,
      golden.strings,
      golden.ids.map((ids) => ids.slice(1)),
    );
  });

  it("refuses ids that are not whole numbers", async () => {
    for (const id of [1.5, -1, "7", null]) {
      const opened = openChanged(({ model }) => {
        model.vocab["fox"] = id as number;
      });
      await assert.rejects(opened, { code: "invalid-input-file", message: /changed\.json .* id of fox / });
    }
  });

  it("opens the tokenizer.json of a folder", async () => {
    writeFileSync(join(folder, "tokenizer.json"), readFileSync(file));
    assertSameIds(await openTokenizer(folder), golden.strings, golden.ids);
  });
});
