import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { lstatSync, readFileSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Workplace } from "./fixtures";
import { runCli, type CliResult } from "./run-cli";

/** What the program promises: a refusal comes within this time. */
const REFUSAL_TIME_MS = 30_000;

/**
 * Runs a call that must be refused as the program promises it: an exit code other than 0, one line on stderr that
 * matches `names`, nothing on stdout, no stack trace, and not a single file added, removed or changed.
 */
export async function assertRefused(
  place: Workplace,
  args: readonly string[],
  { names, run = runCli, notices = 0 }: { names: RegExp; run?: typeof runCli; notices?: number },
): Promise<void> {
  const before = snapshot(place.folder);
  const result = await run(args, { cwd: place.out, env: place.env, timeoutMs: REFUSAL_TIME_MS });
  assertRefusal(result, names, notices);
  assert.deepEqual(snapshot(place.folder), before, "a refusal must not touch any file");
}

/** Checks what a refused call has printed, and its exit code. `notices`: lines that came before the refusal. */
export function assertRefusal({ code, stdout, stderr }: CliResult, names: RegExp, notices = 0): void {
  assert.notEqual(code, null, `it was killed or ran into the time limit: ${stderr.slice(0, 1000)}`);
  assert.notEqual(code, 0, `it was not refused: ${stdout.slice(0, 1000)}`);
  assert.match(stderr, names);
  // Where it computes is said when computing begins, so some refusals come after it.
  const lines = stderr.replace(/^sana: computing [^\n]+\n/m, "");
  assert.match(lines, new RegExp(`^(sana: [^\\n]+\\n){${notices + 1}}$`), "the refusal must be one line");
  assert.doesNotMatch(stderr, /^\s+at |node:internal|internal error|\[object |undefined|TypeError|RangeError/m);
  assert.ok(stderr.length < 20_000, "the refusal must be short enough to read");
  assert.equal(stdout, "");
}

/** Everything below a folder: relative path to what is there, files by the hash of their contents. */
export function snapshot(folder: string): Record<string, string> {
  const entries = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => {
    const path = join(folder, name);
    const status = lstatSync(path);
    if (status.isSymbolicLink()) return [name, `link to ${readlinkSync(path)}`];
    if (status.isFile()) return [name, createHash("sha256").update(readFileSync(path)).digest("hex")];
    return [name, status.isDirectory() ? "folder" : "special file"];
  });
  return Object.fromEntries(entries) as Record<string, string>;
}
