import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { openCheckpoint } from "../../../sidecar/checkpoint/diffusers-layout";
import { readGenerationDefaults } from "../../../sidecar/checkpoint/generation-defaults";
import { normalizePrompt, tokenizePrompt } from "../../../sidecar/pipeline/prompt-text";
import { spellQuotedWords } from "../../../sidecar/pipeline/spelled-words";
import { openTokenizer } from "../../../sidecar/tokenizer/gemma-tokenizer";
import { temporaryFolder } from "../checkpoint/checkpoint-files";

const ALPHABET = "abcdefghijklmnopqrstuvwxyz";
const DIGITS = "①②③④⑤⑥⑦⑧";

describe("spellQuotedWords", () => {
  const examples = JSON.parse(readFileSync("test/golden/spelled-words.json", "utf8")) as {
    prompt: string;
    spelled: string;
  }[];
  for (const { prompt, spelled } of examples) {
    it(`gives ${JSON.stringify(spelled)}`, () => {
      assert.equal(normalizePrompt(prompt), prompt, "an example is not lower-cased and trimmed");
      assert.equal(spellQuotedWords(prompt), spelled);
    });
  }

  it("takes no longer for many quotes than for other text", () => {
    const start = performance.now();
    assert.equal(spellQuotedWords(`'"“`.repeat(300_000)).length, 900_000);
    assert.equal(spellQuotedWords(`"${"a".repeat(1_000_000)}"`).length, 1_000_002);
    // Some ten milliseconds; a search that starts again and again would take minutes.
    assert.ok(performance.now() - start < 5_000);
  });
});

describe("spelled words in the tokens of a prompt", async () => {
  const tokenizer = await openTokenizer("models/tokenizer");
  const tokenIds = (prompt: string, spelledWords: boolean): readonly number[] =>
    tokenizePrompt({ tokenizer, prompt, instruction: null, spelledWords, maxSequenceLength: 64 }).tokenIds;
  /** The id of a character that is a token of its own. */
  const idOf = (character: string): number => {
    const ids = tokenizer.encode(character);
    assert.equal(ids.length, 2, character);
    return ids[1]!;
  };

  it("are one token for each circled digit and each letter, with the bundled tokenizer", () => {
    const before = 'a sign that says "';
    for (let start = 0; start < ALPHABET.length; start += 1) {
      // Every letter comes to stand at every place, in words of every length.
      const word = (ALPHABET + ALPHABET).slice(start, start + 1 + (start % 8));
      for (const text of [word, word.slice(0, 1).repeat(8)]) {
        const letters = Array.from(text, (letter, i) => [DIGITS[i]!, letter]).flat();
        const expected = [...tokenizer.encode(before), ...[...letters, '"'].map(idOf)];
        assert.deepEqual(tokenIds(`A sign that says “${text.toUpperCase()}” `, true), expected, text);
      }
    }
  });

  it("are left alone for a checkpoint whose defaults do not ask for them", async () => {
    const { spelledWords } = await readGenerationDefaults({ folder: temporaryFolder(), pipeline: "SanaPipeline" });
    const prompt = 'a sign that says "open"';
    assert.deepEqual(tokenIds(prompt, spelledWords), tokenizer.encode(prompt));
    assert.notDeepEqual(tokenIds(prompt, true), tokenizer.encode(prompt));
  });

  for (const folder of ["models", "models/sprint"]) {
    it(`are asked for by ${folder}`, async () => {
      assert.equal((await readGenerationDefaults(await openCheckpoint(folder))).spelledWords, true);
    });
  }
});
