import { SanaError } from "../errors";
import type { GemmaTokenizer } from "../tokenizer/gemma-tokenizer";
import { spellQuotedWords } from "./spelled-words";

/** A prompt as the text encoder and the transformer read it. Padding is left out: it never reaches a real token. */
interface TokenizedPrompt {
  /** What the text encoder runs on, `<bos>` first. */
  readonly tokenIds: readonly number[];
  /** The positions in `tokenIds` whose hidden states the transformer sees, in order. */
  readonly selected: readonly number[];
  /** How many leading ids are the instruction's own, the same before every prompt; less than `tokenIds.length`. */
  readonly instructionTokenCount: number;
  /** Whether the prompt's end did not fit and is ignored. */
  readonly truncated: boolean;
}

/**
 * Lower-cases and trims a prompt, puts the instruction before it and cuts it to length, as the reference does.
 * `spelledWords`: whether words in quotes are spelled out, which the reference does not do. `maxSequenceLength`: tokens
 * that the transformer sees at most, a whole number from 1 up; others throw `invalid-parameter`. Source: diffusers pipelines/sana/pipeline_sana.py, encode_prompt.
 */
export function tokenizePrompt(options: {
  tokenizer: GemmaTokenizer;
  prompt: string;
  instruction: string | null;
  spelledWords: boolean;
  maxSequenceLength: number;
}): TokenizedPrompt {
  const { tokenizer, instruction, maxSequenceLength } = options;
  if (!Number.isSafeInteger(maxSequenceLength) || maxSequenceLength < 1) {
    throw new SanaError(
      "invalid-parameter",
      `the maximal sequence length is ${maxSequenceLength}; allowed are whole numbers from 1 up`,
    );
  }
  const normalized = normalizePrompt(options.prompt);
  const prompt = options.spelledWords ? spellQuotedWords(normalized) : normalized;
  const ids = tokenizer.encode((instruction ?? "") + prompt);
  if (ids.length === 0) {
    throw new SanaError("invalid-input-file", "the tokenizer adds no <bos>, so an empty prompt has no tokens at all");
  }
  const instructionIds = instruction === null ? [] : tokenizer.encode(instruction);

  // The transformer sees <bos> and the last positions of the padded text. They begin at the instruction's last token,
  // because its trailing space is where the prompt's first word may merge into it: hence 2 less than the sum.
  const firstSeen = instruction === null ? 1 : instructionIds.length - 1;
  const maxLength = firstSeen + maxSequenceLength - 1;
  const tokenIds = ids.slice(0, maxLength);
  const selected = [0];
  for (let position = firstSeen; position < tokenIds.length; position += 1) selected.push(position);
  return {
    tokenIds,
    selected,
    instructionTokenCount: Math.min(commonPrefixLength(ids, instructionIds), firstSeen, tokenIds.length - 1),
    truncated: ids.length > maxLength,
  };
}

function commonPrefixLength(a: readonly number[], b: readonly number[]): number {
  const difference = b.findIndex((id, i) => id !== a[i]);
  return difference === -1 ? b.length : difference;
}

// What Python calls white space. JavaScript's trim() leaves U+001C to U+001F and U+0085 and removes U+FEFF.
const PYTHON_WHITE_SPACE = new Set(
  "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a" +
    "\u2028\u2029\u202f\u205f\u3000",
);

/** Python's `text.lower().strip()`. */
export function normalizePrompt(text: string): string {
  const lower = text.toLowerCase();
  let start = 0;
  let end = lower.length;
  while (start < end && PYTHON_WHITE_SPACE.has(lower[start]!)) start += 1;
  while (end > start && PYTHON_WHITE_SPACE.has(lower[end - 1]!)) end -= 1;
  return lower.slice(start, end);
}
