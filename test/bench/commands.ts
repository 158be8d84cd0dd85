import { spawnSync } from "node:child_process";
import { resolve } from "node:path";
import { note } from "./comparison";
import type { Precision } from "../../sidecar/runtime/compute";
import type { Command } from "./contestant";

const PROMPT = "a red fox jumping over a frozen lake at dawn, oil painting";

/** The command line, as a user calls it on the CPU. Without `picture`, everything by the checkpoint's defaults. */
export function sana(
  checkpoint: string,
  output: string,
  picture?: { size: number; steps: number; precision: Precision; latents: string },
): Command {
  const { size, steps, precision, latents } = picture ?? {};
  const literal = size === undefined ? [] : ["--no-resolution-binning", "--width", `${size}`, "--height", `${size}`];
  return {
    program: process.execPath,
    args: [
      ...["dist/sana.cjs", "generate", "--model", checkpoint, "--prompt", PROMPT, "--seed", "1", "--json"],
      ...["--output", output, "--overwrite", "--provider", "cpu"],
      ...literal,
      ...(steps === undefined ? [] : ["--steps", `${steps}`]),
      ...(precision === undefined ? [] : ["--precision", precision]),
      ...(latents === undefined ? [] : ["--save-latents", latents]),
    ],
  };
}

/** `auto`: what the checkpoint was made for. */
export function ourContestant(
  task: string,
  checkpoint: string,
  { precision = "auto", pixels = 512 }: { precision?: Precision | "auto"; pixels?: number } = {},
): Command {
  const args = ["dist/bench/sana-contestant.cjs", task, checkpoint, PROMPT, precision, `${pixels}`];
  return { program: process.execPath, args };
}

/** The server with one of the bundled models, from the request to the file. */
export function server(model: "fast" | "quality"): Command {
  return { program: process.execPath, args: ["dist/bench/server-contestant.cjs", model, PROMPT] };
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
