import { SanaError } from "../errors";

// Attention is quadratic in the text; no Sana checkpoint reads more than 300 tokens.
const MAX_SEQUENCE_LENGTH = 4096;

/** Throws `invalid-parameter` unless it is a length that a text encoder can run. */
export function checkSequenceLength(length: number): number {
  if (length < 1 || length > MAX_SEQUENCE_LENGTH) {
    const allowed = `whole numbers from 1 to ${MAX_SEQUENCE_LENGTH}`;
    throw new SanaError("invalid-parameter", `--max-sequence-length is ${length}; allowed are ${allowed}`);
  }
  return length;
}
