import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { openSafetensors, readTensor } from "../../sidecar/checkpoint/safetensors";
import type { Precision } from "../../sidecar/runtime/compute";
import { ourContestant, peer, sana, server, widenBundled } from "./commands";
import { alternate, alternateProcesses, note, type Comparison } from "./comparison";
import { runToEnd, type Command } from "./contestant";
import { gigabytes, median, NOT_MEASURED, ratio, spread, table } from "./table";

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
  /** Whether torch.compile, which takes minutes, is measured too. */
  readonly compile: boolean;
}

async function main(): Promise<void> {
  const settings = readSettings();
  process.stdout.write(`${cpus()[0]!.model}, ${cpus().length} cores, ${(totalmem() / 1e9).toFixed(0)} GB\n\n`);
  const rows = [...(await compareBundled(settings)), ...(await compareNetworks(settings))];
  process.stdout.write(`${comparisonTable("diffusers", rows)}\n`);
  process.stdout.write(`\n${await compareBundledModels(settings)}\n`);
  process.stdout.write(`\n${comparisonTable("float32", await comparePrecisions(settings))}\n`);
  process.stdout.write(`\n${await costGrowth(settings)}\n`);
  if (settings.fullSize === undefined) return;
  process.stdout.write(`\n${await fullSizePictures(settings, settings.fullSize)}\n`);
}

function readSettings(): Settings {
  const { values } = parseArgs({
    options: {
      python: { type: "string" },
      "full-size": { type: "string" },
      rounds: { type: "string", default: "3" },
      "no-compile": { type: "boolean", default: false },
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
    compile: !values["no-compile"],
  };
}

/** The bundled model of many steps from prompt to picture: with a new process each time, and with everything loaded. */
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

/** The fast bundled model beside the one for quality, as a user waits for them. */
async function compareBundledModels({ rounds }: Settings): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "sana-bench-"));
  try {
    const output = join(folder, "picture.png");
    const rows = [
      await alternateProcesses("command line, cold", {
        ours: sana(resolve("models", "sprint"), output),
        theirs: sana(resolve("models"), output),
        rounds,
      }),
      await alternate("server, warm", { ours: server("fast"), theirs: server("quality"), rounds }),
    ];
    return table(
      ["bundled models, 512 px, to the PNG on the disk", "fast, s", "quality, s", "times as fast"],
      rows.map(({ name, ours, theirs }) => [name, spread(ours), spread(theirs), ratio(ours, theirs)]),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One network at a time in the shape of Sana-0.6B with Gemma 2 2B. */
async function compareNetworks({ python, fullSize, rounds, compile }: Settings): Promise<Comparison[]> {
  if (fullSize === undefined) return [];
  const compare = (name: string, ours: string, theirs: string): Promise<Comparison> =>
    alternate(name, {
      ours: ourContestant(ours, fullSize, { precision: "fp32" }),
      theirs: python === undefined ? null : peer(python, theirs, fullSize),
      rounds,
    });
  return [
    await compare("0.6B: one denoiser call, 512 px, batch 2, 300 text tokens", "denoise", "denoise"),
    ...(compile ? [await compare("0.6B: the same call beside torch.compile", "denoise", "compiled-denoise")] : []),
    await compare("0.6B: decoding 512 px", "decode", "decode"),
    await compare("0.6B: encoding the first prompt", "first-prompt", "prompt"),
    await compare("0.6B: encoding the next prompt", "next-prompt", "prompt"),
  ];
}

/** This program with 8-bit integers beside itself in float32. */
async function comparePrecisions({ fullSize, rounds }: Settings): Promise<Comparison[]> {
  const compare = (name: string, task: string, checkpoint: string): Promise<Comparison> =>
    alternate(`int8, ${name}`, {
      ours: ourContestant(task, checkpoint, { precision: "int8" }),
      theirs: ourContestant(task, checkpoint, { precision: "fp32" }),
      rounds,
    });
  const rows = [await compare("bundled checkpoint, warm", "picture", resolve("models"))];
  if (fullSize === undefined) return rows;
  return [
    ...rows,
    await compare("0.6B: one denoiser call, 512 px, batch 2, 300 text tokens", "denoise", fullSize),
    await compare("0.6B: encoding the first prompt", "first-prompt", fullSize),
    await compare("0.6B: encoding the next prompt", "next-prompt", fullSize),
  ];
}

const GROWTH_SIDES = [512, 1024, 2048, 4096];

/** Seconds of one denoiser call by the side of the picture, with the exponent in tokens of the line through them. */
async function costGrowth({ rounds }: Settings): Promise<string> {
  const rows: string[][] = [];
  for (const precision of ["fp32", "int8"] as const) {
    const medians: number[] = [];
    for (const pixels of GROWTH_SIDES) {
      const ours = ourContestant("denoise", resolve("models"), { precision, pixels });
      const { ours: seconds } = await alternate(`${precision}, ${pixels} px`, { ours, theirs: null, rounds });
      medians.push(median(seconds));
    }
    const cells = medians.map((seconds) => seconds.toFixed(seconds < 1 ? 3 : 1));
    // Tokens grow with the square of the side.
    const exponent = slope(
      GROWTH_SIDES.map((side) => 2 * Math.log(side)),
      medians.map(Math.log),
    );
    rows.push([precision, ...cells, exponent.toFixed(2)]);
  }
  const header = ["bundled: one denoiser call", ...GROWTH_SIDES.map((side) => `${side} px, s`), "exponent"];
  return table(header, rows);
}

/** The slope of the least-squares line. */
function slope(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;
  const [meanX, meanY] = [mean(x), mean(y)];
  const covariance = mean(x.map((value, i) => (value - meanX) * (y[i]! - meanY)));
  return covariance / mean(x.map((value) => (value - meanX) ** 2));
}

function comparisonTable(reference: string, rows: readonly Comparison[]): string {
  return table(
    ["", "this program, s", `${reference}, s`, "times as fast", "peak memory, GB", `${reference}'s peak, GB`],
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
    const measure = async (name: string, command: Command | null): Promise<void> => {
      note(name);
      const result = command === null ? null : await runToEnd(command);
      const cells = phases.map((phase) => result?.phases[phase]?.toFixed(1) ?? "");
      rows.push([name, ...cells, result?.seconds.toFixed(1) ?? NOT_MEASURED, gigabytes(result?.peak ?? null)]);
    };
    for (const size of [512, 1024]) {
      const latents = (precision: Precision): string => join(folder, `${precision}.safetensors`);
      for (const precision of ["fp32", "int8", "int4"] as const) {
        const picture = { size, steps: FULL_SIZE_STEPS, precision, latents: latents(precision) };
        const command = sana(checkpoint, join(folder, "picture.png"), picture);
        if (precision !== "fp32") {
          note(`quantising for ${precision}, unless it has been done`);
          await runToEnd(command);
        }
        await measure(`${size} px, ${precision}`, command);
        const likeness = precision === "fp32" ? "1" : (await cosine(latents(precision), latents("fp32"))).toFixed(4);
        rows.at(-1)!.push(likeness);
      }
      const theirs = python === undefined ? null : peer(python, "generate", checkpoint, size, FULL_SIZE_STEPS);
      await measure(`${size} px, diffusers`, theirs);
      rows.at(-1)!.push("");
    }
    const header = [`${FULL_SIZE_STEPS} steps`, ...phases.map((phase) => `${phase}, s`), "all, s", "peak memory, GB"];
    return table([...header, "cosine of latents to fp32"], rows);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The cosine between the final latents in two files. */
async function cosine(file: string, reference: string): Promise<number> {
  const read = async (path: string): Promise<Float32Array> =>
    readTensor((await openSafetensors(path)).tensors.get("latents")!);
  const [a, b] = [await read(file), await read(reference)];
  const dot = (x: Float32Array, y: Float32Array): number => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

void main();
