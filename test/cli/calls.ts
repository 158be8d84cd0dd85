import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TINY_JOB, type Workplace } from "./fixtures";
import { runCli, type CliResult } from "./run-cli";
import { MODEL } from "./writers";

/** Runs a call that must succeed. */
export async function run(place: Workplace, args: readonly string[]): Promise<CliResult> {
  const result = await runCli(args, { cwd: place.out, env: place.env });
  assert.equal(result.code, 0, result.stderr);
  return result;
}

/** Makes the smallest picture, which must succeed. */
export async function generate(place: Workplace, ...args: readonly string[]): Promise<CliResult> {
  return run(place, ["generate", ...MODEL, ...TINY_JOB, ...args]);
}

/** The one JSON object that stdout must consist of. */
export function jsonOf({ stdout }: CliResult): Record<string, unknown> {
  const value: unknown = JSON.parse(stdout);
  assert.ok(typeof value === "object" && value !== null && !Array.isArray(value));
  return value as Record<string, unknown>;
}

/** A file of the folder that the command line was started in. */
export function bytesOf(place: Workplace, name: string): Buffer {
  return readFileSync(join(place.out, name));
}
