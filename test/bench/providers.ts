import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openModel, type OpenModel } from "../../sidecar/generation/open-model";
import { tensorToRgb } from "../../sidecar/image/pixels";
import { encodePng } from "../../sidecar/image/png-encoder";
import type { GenerationResult } from "../../sidecar/pipeline/events";
import { KeptModels } from "../../sidecar/pipeline/kept-models";
import { runSanaPipeline } from "../../sidecar/pipeline/sana-pipeline";
import { chooseSampling, createFlowScheduler } from "../../sidecar/pipeline/schedulers";
import type { Compute } from "../../sidecar/runtime/compute";
import type { FloatTensor } from "../../sidecar/tensor/float-tensor";
import { TorchCpuGenerator } from "../../sidecar/tensor/torch-random";
import { table } from "./table";

/**
 * Execution providers side by side on one checkpoint: time of a step, of decoding and of a whole picture, and how far
 * each is from the CPU in float32. The text encoder is left out: its states are random numbers, the same for all.
 *
 *     node providers.cjs --checkpoint FOLDER [--runs cpu:fp32,cuda:fp16] [--sizes 512,1024] [--steps 20]
 */

/** The run that the others are compared with. */
const REFERENCE = "cpu:fp32";
/** Pictures of this size are compared. */
const COMPARED_SIZE = 512;
/** Times are medians of so many, after one that is not counted. */
const REPEATS = 3;
const REFERENCE_REPEATS = 1;

interface Settings {
  readonly checkpoint: string;
  readonly sizes: readonly number[];
  readonly steps: number;
}

interface SizeResult {
  readonly size: number;
  /** Seconds: medians over all steps and over the repeats. */
  readonly step: number;
  readonly decode: number;
  readonly png: number;
  /** From the prompt's states to the bytes of the PNG. */
  readonly picture: number;
}

function main(): void {
  const { values } = parseArgs({
    options: {
      checkpoint: { type: "string" },
      runs: { type: "string", default: "cpu:fp32,webgpu:fp32,webgpu:fp16,cuda:fp32,cuda:fp16" },
      sizes: { type: "string", default: "512,1024" },
      steps: { type: "string", default: "20" },
      /** Set for the processes that this one starts: the run and where its picture goes. */
      child: { type: "string" },
      output: { type: "string" },
    },
  });
  if (values.checkpoint === undefined) throw new Error("--checkpoint is missing");
  const settings: Settings = {
    checkpoint: values.checkpoint,
    sizes: values.sizes.split(",").map(Number),
    steps: Number(values.steps),
  };
  if (values.child !== undefined) {
    void measure(values.child, values.output!, settings);
    return;
  }
  compare(values.runs.split(","), settings);
}

/** Every run in a process of its own: a driver that fails takes only its own row with it. */
function compare(runs: readonly string[], settings: Settings): void {
  const folder = mkdtempSync(join(tmpdir(), "sana-bench-"));
  const rows: string[][] = [];
  try {
    for (const run of runs) {
      process.stderr.write(`${run}\n`);
      // The CPU would need minutes for the larger ones.
      const sizes = run === REFERENCE ? [COMPARED_SIZE] : settings.sizes;
      const { status, signal } = spawnSync(
        process.execPath,
        [
          __filename,
          ...["--checkpoint", settings.checkpoint, "--steps", `${settings.steps}`, "--sizes", sizes.join(",")],
          ...["--child", run, "--output", join(folder, run)],
        ],
        { stdio: ["ignore", "inherit", "inherit"] },
      );
      if (status !== 0) {
        rows.push([run, `ended with ${String(status ?? signal)}`]);
        continue;
      }
      const results = JSON.parse(readFileSync(join(folder, `${run}.json`), "utf8")) as SizeResult[];
      for (const { size, step, decode, png, picture } of results) {
        const ms = (seconds: number): string => (1000 * seconds).toFixed(1);
        const closeness =
          size === COMPARED_SIZE && runs.includes(REFERENCE)
            ? comparison(join(folder, REFERENCE), join(folder, run))
            : ["", "", ""];
        rows.push([run, `${size}`, ms(step), ms(decode), ms(png), picture.toFixed(2), ...closeness]);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const header = ["provider", "px", "step, ms", "decode, ms", "PNG, ms", `picture of ${settings.steps} steps, s`];
  process.stdout.write(`${table([...header, "latents' relative L2", "cosine", "picture's PSNR, dB"], rows)}\n`);
}

function comparison(reference: string, run: string): string[] {
  const [latents, expected] = [run, reference].map((path) => floats(`${path}.latents`)) as [Float32Array, Float32Array];
  let [difference, product, norm, expectedNorm] = [0, 0, 0, 0];
  expected.forEach((value, i) => {
    difference += (latents[i]! - value) ** 2;
    product += latents[i]! * value;
    norm += latents[i]! ** 2;
    expectedNorm += value ** 2;
  });
  const [levels, expectedLevels] = [readFileSync(`${run}.rgb`), readFileSync(`${reference}.rgb`)];
  const squares = expectedLevels.reduce((sum, level, i) => sum + (levels[i]! - level) ** 2, 0);
  const psnr = 10 * Math.log10(255 ** 2 / (squares / levels.length));
  return [
    Math.sqrt(difference / expectedNorm).toExponential(1),
    (product / Math.sqrt(norm * expectedNorm)).toFixed(6),
    psnr.toFixed(1),
  ];
}

function floats(path: string): Float32Array {
  return new Float32Array(Uint8Array.from(readFileSync(path)).buffer);
}

/** Makes the pictures of one run and writes its times to OUTPUT.json, its picture of the compared size beside it. */
async function measure(run: string, output: string, settings: Settings): Promise<void> {
  const [provider, precision] = run.split(":") as [Compute["provider"], Compute["precision"]];
  const model = await openModel(settings.checkpoint, { provider, precision });
  const models = new KeptModels(
    { ...model.models, textEncoder: () => Promise.resolve(randomTextEncoder(model)) },
    () => true,
  );
  const results: SizeResult[] = [];
  for (const size of settings.sizes) {
    const pictures = [];
    const repeats = run === REFERENCE ? REFERENCE_REPEATS : REPEATS;
    for (let i = 0; i <= repeats; i += 1) pictures.push(await picture(model, models, { size, steps: settings.steps }));
    const [{ result }, ...timed] = pictures as [Timed, ...Timed[]];
    const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
    results.push({
      size,
      step: middle(timed.flatMap(({ steps }) => steps)),
      decode: middle(timed.map(({ decode }) => decode)),
      png: middle(timed.map(({ png }) => png)),
      picture: middle(timed.map(({ all }) => all)),
    });
    process.stderr.write(`${run} ${JSON.stringify(results.at(-1))}\n`);
    if (size !== COMPARED_SIZE) continue;
    writeFileSync(`${output}.latents`, new Uint8Array(result.latents.data.buffer));
    writeFileSync(`${output}.rgb`, tensorToRgb(result.image).data);
  }
  writeFileSync(`${output}.json`, JSON.stringify(results));
}

interface Timed {
  readonly result: GenerationResult;
  readonly steps: readonly number[];
  readonly decode: number;
  readonly png: number;
  readonly all: number;
}

async function picture(
  model: OpenModel,
  models: KeptModels,
  { size, steps }: { size: number; steps: number },
): Promise<Timed> {
  const sampling = chooseSampling(undefined, model.scheduler);
  if (sampling.kind === "sprint") throw new Error(`${model.checkpoint.name} is a Sprint checkpoint`);
  const started = performance.now();
  const events = runSanaPipeline(
    {
      prompt: "a red fox jumping over a frozen lake at dawn, oil painting",
      negativePrompt: "",
      width: size,
      height: size,
      numInferenceSteps: steps,
      guidanceScale: 4.5,
      seed: 1n,
      humanInstruction: true,
      spelledWords: false,
      maxSequenceLength: 300,
      resolutionBinning: false,
      vaeTiling: "auto",
      latents: null,
      startImage: null,
    },
    {
      checkpoint: { ...model.configs, tokenizer: model.tokenizer },
      models,
      scheduler: createFlowScheduler(sampling, steps),
      signal: new AbortController().signal,
    },
  );
  const stepTimes: number[] = [];
  for (let last = performance.now(); ;) {
    const next = await events.next();
    const now = performance.now();
    if (next.done !== true) {
      if (next.value.type === "step") stepTimes.push((now - last) / 1000);
      last = now;
      continue;
    }
    encodePng(tensorToRgb(next.value.image));
    const end = performance.now();
    return {
      result: next.value,
      steps: stepTimes,
      decode: (now - last) / 1000,
      png: (end - now) / 1000,
      all: (end - started) / 1000,
    };
  }
}

/** Stands for the text encoder: each token's state is random. */
function randomTextEncoder({ configs }: OpenModel) {
  const channels = configs.transformer.captionChannels;
  return {
    encode: (tokenIds: readonly number[]): Promise<FloatTensor> => {
      const data = new TorchCpuGenerator(7n).randn(tokenIds.length * channels);
      return Promise.resolve({ data, dims: [tokenIds.length, channels] });
    },
    release: () => Promise.resolve(),
  };
}

main();
