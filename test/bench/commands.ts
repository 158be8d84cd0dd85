import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { note } from "./comparison";
import type { Command } from "./contestant";

const PROMPT = "a red fox jumping over a frozen lake at dawn, oil painting";

/** The command line, as a user calls it. Without `size`, everything by the checkpoint's defaults. */
export function sana(checkpoint: string, output: string, picture?: { size: number; steps: number }): Command {
  const { size, steps } = picture ?? {};
  const literal = size === undefined ? [] : ["--no-resolution-binning", "--width", `${size}`, "--height", `${size}`];
  return {
    program: process.execPath,
    args: [
      ...["dist/sana.cjs", "generate", "--model", checkpoint, "--prompt", PROMPT, "--seed", "1", "--json"],
      ...["--output", output, "--overwrite"],
      ...literal,
      ...(steps === undefined ? [] : ["--steps", `${steps}`]),
    ],
  };
}

export function ourContestant(task: string, checkpoint: string): Command {
  return { program: process.execPath, args: ["dist/bench/sana-contestant.cjs", task, checkpoint, PROMPT] };
}

export function peer(python: string, task: string, checkpoint: string, ...numbers: number[]): Command {
  return { program: python, args: ["test/bench/diffusers_peer.py", task, checkpoint, PROMPT, ...numbers.map(String)] };
}

/** diffusers cannot read integer weights; this writes the same numbers as float32. */
export function widenBundled(python: string, output: string): void {
  note("widening the bundled checkpoint for diffusers");
  const args = ["-m", "sana_training.widen", "--models", resolve("models"), "--output", output];
  const { status } = spawnSync(python, args, { cwd: "training", stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw new Error(`sana_training.widen ended with ${String(status)}`);
}
