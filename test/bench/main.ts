import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { ourContestant, peer, sana, widenBundled } from "./commands";
import { alternate, alternateProcesses, note, type Comparison } from "./comparison";
import { runToEnd, type Command } from "./contestant";
import { gigabytes, NOT_MEASURED, ratio, spread, table } from "./table";

/**
 * Speed and memory of this program beside diffusers on the same machine. Prints the tables of README.md to stdout and
 * what it is doing to stderr.
 */

/** Full-size pictures take minutes; few steps show their memory and their time a step as well as twenty do. */
const FULL_SIZE_STEPS = 2;

interface Settings {
  /** The Python that has diffusers; undefined: only this program is measured. */
  readonly python: string | undefined;
  /** A folder made by make-checkpoint; undefined: only the bundled checkpoint is measured. */
  readonly fullSize: string | undefined;
  readonly rounds: number;
}

async function main(): Promise<void> {
  const settings = readSettings();
  process.stdout.write(`${cpus()[0]!.model}, ${cpus().length} cores, ${(totalmem() / 1e9).toFixed(0)} GB\n\n`);
  const rows = [...(await compareBundled(settings)), ...(await compareNetworks(settings))];
  process.stdout.write(`${comparisonTable(rows)}\n`);
  if (settings.fullSize === undefined) return;
  process.stdout.write(`\n${await fullSizePictures(settings, settings.fullSize)}\n`);
}

function readSettings(): Settings {
  const { values } = parseArgs({
    options: {
      python: { type: "string" },
      "full-size": { type: "string" },
      rounds: { type: "string", default: "3" },
    },
  });
  const fullSize = values["full-size"];
  if (fullSize !== undefined && !existsSync(join(fullSize, "model_index.json"))) {
    throw new Error(`${fullSize} holds no checkpoint; make one with: npm run bench:checkpoint -- ${fullSize}`);
  }
  return {
    python: values.python ?? process.env["SANA_BENCH_PYTHON"],
    fullSize: fullSize === undefined ? undefined : resolve(fullSize),
    rounds: Number(values.rounds),
  };
}

/** The bundled checkpoint from prompt to picture: with a new process each time, and with everything loaded. */
async function compareBundled({ python, rounds }: Settings): Promise<Comparison[]> {
  const folder = mkdtempSync(join(tmpdir(), "sana-bench-"));
  try {
    const wide = join(folder, "models");
    if (python !== undefined) widenBundled(python, wide);
    const cold = await alternateProcesses("bundled checkpoint, cold", {
      ours: sana(resolve("models"), join(folder, "picture.png")),
      theirs: python === undefined ? null : peer(python, "first-picture", wide),
      rounds,
    });
    const warm = await alternate("bundled checkpoint, warm", {
      ours: ourContestant("picture", resolve("models")),
      theirs: python === undefined ? null : peer(python, "picture", wide),
      rounds,
    });
    return [cold, warm];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One network at a time in the shape of Sana-0.6B with Gemma 2 2B. */
async function compareNetworks({ python, fullSize, rounds }: Settings): Promise<Comparison[]> {
  if (fullSize === undefined) return [];
  const compare = (name: string, ours: string, theirs: string): Promise<Comparison> =>
    alternate(name, {
      ours: ourContestant(ours, fullSize),
      theirs: python === undefined ? null : peer(python, theirs, fullSize),
      rounds,
    });
  return [
    await compare("0.6B: one denoiser call, 512 px, batch 2, 300 text tokens", "denoise", "denoise"),
    await compare("0.6B: decoding 512 px", "decode", "decode"),
    await compare("0.6B: encoding the first prompt", "first-prompt", "prompt"),
    await compare("0.6B: encoding the next prompt", "next-prompt", "prompt"),
  ];
}

function comparisonTable(rows: readonly Comparison[]): string {
  return table(
    ["", "this program, s", "diffusers, s", "times as fast", "peak memory, GB", "diffusers' peak, GB"],
    rows.map(({ name, ours, theirs, ourPeak, theirPeak }) => [
      name,
      spread(ours),
      spread(theirs),
      ratio(ours, theirs),
      gigabytes(ourPeak),
      gigabytes(theirPeak),
    ]),
  );
}

/** Whole pictures by the full-size checkpoint, phase by phase. */
async function fullSizePictures({ python }: Settings, checkpoint: string): Promise<string> {
  const phases = ["check", "load", "prompt", "steps", "decode", "save"];
  const folder = mkdtempSync(join(tmpdir(), "sana-bench-"));
  try {
    const rows: string[][] = [];
    for (const size of [512, 1024]) {
      const contestants: [string, Command | null][] = [
        ["this program", sana(checkpoint, join(folder, "picture.png"), { size, steps: FULL_SIZE_STEPS })],
        ["diffusers", python === undefined ? null : peer(python, "generate", checkpoint, size, FULL_SIZE_STEPS)],
      ];
      for (const [name, command] of contestants) {
        note(`${name}, ${size} px`);
        const result = command === null ? null : await runToEnd(command);
        const cells = phases.map((phase) => result?.phases[phase]?.toFixed(1) ?? "");
        rows.push([
          `${size} px, ${name}`,
          ...cells,
          result?.seconds.toFixed(1) ?? NOT_MEASURED,
          gigabytes(result?.peak ?? null),
        ]);
      }
    }
    return table(
      [`${FULL_SIZE_STEPS} steps`, ...phases.map((phase) => `${phase}, s`), "all, s", "peak memory, GB"],
      rows,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

void main();
