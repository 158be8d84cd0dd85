import { randomInt } from "node:crypto";
import { SanaError } from "../errors";

const LARGEST_SEED = 2n ** 63n - 1n;

/** A seed as a user writes it: decimal digits, 0 … 2^63 − 1, read exactly. Throws `invalid-parameter` for all else. */
export function parseSeed(text: string): bigint {
  // The length is checked first: the digits of an endless number would take endless time.
  const seed = /^[0-9]{1,19}$/.test(text) ? BigInt(text) : undefined;
  if (seed === undefined || seed > LARGEST_SEED) {
    throw new SanaError("invalid-parameter", `the seed must be a whole number from 0 to ${String(LARGEST_SEED)}`);
  }
  return seed;
}

/** A seed for those who give none: below 2^32, which every JSON reader keeps exactly. */
export function randomSeed(): bigint {
  return BigInt(randomInt(2 ** 32));
}
