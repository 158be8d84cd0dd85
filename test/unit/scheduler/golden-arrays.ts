import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

/** A run of a flow scheduler; arrays in base64. */
export interface FlowCase {
  shift: number;
  trainTimesteps: number;
  steps: number;
  start: number;
  sigmas: string;
  timesteps: string;
  latents: string;
}

/** The cases of a file in test/golden/scheduler/. */
export function readCases<Case>(name: string): Case[] {
  return JSON.parse(readFileSync(`test/golden/scheduler/${name}.json`, "utf8")) as Case[];
}

/** Base64 of little-endian float32. */
export function decodeFloats(base64: string): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(base64, "base64")).buffer);
}

/** The numbers that make_scheduler_goldens.py runs the schedulers on: each call draws the next `length`. */
export function createNumbers(length: number): () => Float32Array {
  let state = 1;
  return () =>
    Float32Array.from({ length }, () => {
      state = (Math.imul(1664525, state) + 1013904223) >>> 0;
      return (state >>> 8) / 2 ** 22 - 2;
    });
}

export function assertRelativeL2(actual: Float32Array, expected: Float32Array, limit: number): void {
  assert.equal(actual.length, expected.length);
  const norm = (values: Iterable<number>): number => Math.hypot(...values);
  const error = norm(expected.map((value, i) => value - actual[i]!)) / norm(expected);
  assert.ok(error <= limit, `relative L2 is ${error}, allowed ${limit}`);
}
