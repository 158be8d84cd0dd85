import { resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { Command } from "commander";
import { serializeSafetensors } from "../checkpoint/safetensors";
import { SanaError } from "../errors";
import { fileNameFromPrompt } from "../files/file-name";
import { checkOutputTargets, writeOutputFiles, type OutputTarget } from "../files/output-file";
import { pictureNeed, requireMemory } from "../generation/picture-need";
import { prepareRun, type Run, type RunOptions } from "../generation/run";
import { Timings } from "../generation/timings";
import { writeParameters, type GenerationParameters } from "../image/generation-parameters";
import { tensorToRgb } from "../image/pixels";
import { encodePng } from "../image/png-encoder";
import type { GenerationResult } from "../pipeline/events";
import { SCHEDULER_NAMES } from "../pipeline/schedulers";
import { parseSeed, randomSeed } from "../pipeline/seed";
import { orInFloat32, type ComputeChoice } from "../runtime/compute";
import { chooseCompute } from "../runtime/execution-provider";
import {
  chosenModel,
  computeOptions,
  modelOption,
  notify,
  outputTarget,
  overwriteOption,
  qualityOption,
  tilingOption,
  type CommonOptions,
  type ModelOptions,
} from "./common-options";
import { toJson } from "./json";
import { openModel } from "../generation/open-model";
import { choiceOption, integerOption, numberOption, pathOption } from "./option-values";
import { openPreviews, type PreviewWriter } from "./previews";
import { print } from "./print";
import { Progress } from "./progress";

interface GenerateOptions extends CommonOptions, ModelOptions, Omit<RunOptions, "model" | "prompt" | "seed"> {
  readonly prompt?: string;
  readonly seed?: string;
  readonly saveLatents?: string;
  readonly previews?: string;
  readonly metadata: boolean;
  readonly output?: string;
  readonly json?: boolean;
}

/** `sana generate`: a prompt to a PNG. */
export function generateCommand(): Command {
  const command = new Command("generate")
    .description("make a picture from a prompt")
    .argument("[prompt]", "what the picture shows")
    .addOption(modelOption())
    .addOption(qualityOption())
    .option("--prompt <text>", "the same, where the prompt begins with a dash")
    .option("--negative-prompt <text>", "what it should not show")
    .addOption(integerOption("--width <pixels>", "width of the picture"))
    .addOption(integerOption("--height <pixels>", "height of the picture"))
    .addOption(integerOption("--steps <n>", "denoising steps"))
    .addOption(numberOption("--guidance-scale <g>", "how closely to follow the prompt"))
    .addOption(choiceOption("--scheduler", "sampler", SCHEDULER_NAMES))
    .option("--seed <n>", "seed of the noise, 0 … 2^63−1 (default: random)")
    .addOption(pathOption("--latents <file>", 'safetensors file with the initial noise, tensor "latents"'))
    .addOption(pathOption("--save-latents <file>", "safetensors file for the final latents"))
    .option("--no-human-instruction", "leave the complex human instruction out")
    .option("--no-resolution-binning", "take the size literally (multiples of 32)")
    .addOption(tilingOption())
    .addOption(pathOption("--image <file>", "PNG to start from"))
    .addOption(numberOption("--strength <s>", "how much to change it, above 0 up to 1"))
    .addOption(pathOption("--previews <folder>", "folder for a small picture after each step"))
    .option("--no-metadata", "leave the parameters out of the PNG")
    .addOption(pathOption("--output <file>", "PNG file to write (default: named after the prompt)"))
    .addOption(overwriteOption())
    .option("--json", "print one JSON object");
  for (const option of computeOptions()) command.addOption(option);
  return command.action((prompt: string | undefined, options: GenerateOptions) => generate(prompt, options));
}

async function generate(argument: string | undefined, options: GenerateOptions): Promise<void> {
  const timings = new Timings();
  const prompt = promptOf(argument, options.prompt);
  const seed = options.seed === undefined ? randomSeed() : parseSeed(options.seed);
  const picture: OutputTarget =
    options.output === undefined
      ? { path: `${fileNameFromPrompt(prompt)}.png`, ifExists: "number" }
      : outputTarget(options.output, options);
  const latentsTarget = options.saveLatents === undefined ? [] : [outputTarget(options.saveLatents, options)];
  await checkOutputTargets([picture, ...latentsTarget]);
  const folder = chosenModel(options);
  const chosen = await chooseCompute(options);

  const cancellation = new AbortController();
  const stop = (): void => {
    cancellation.abort();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  let progress: Progress | undefined;
  const previews: { writer: PreviewWriter | null } = { writer: null };
  const discardPreviews = async (): Promise<void> => {
    await previews.writer?.discard();
    previews.writer = null;
  };
  const attempt = async (compute: ComputeChoice): Promise<{ run: Run; result: GenerationResult }> => {
    const model = await openModel(folder, compute, notify);
    const run = await prepareRun({ ...options, model, prompt, seed }, cancellation.signal);
    const cost = { ...options, precision: model.compute.precision, startsFromImage: options.image !== undefined };
    requireMemory((await pictureNeed(folder, cost)).bytes);
    // Those of an attempt that failed are not in the way of the next one's.
    await discardPreviews();
    if (options.previews !== undefined) previews.writer = await openPreviews(options.previews, { ...options, run });
    timings.mark("check");
    if (compute === chosen && chosen.notice !== undefined) notify(chosen.notice);
    progress = new Progress({ stepCount: run.stepCount, startsFromImage: options.image !== undefined });
    return { run, result: await follow(run, { progress, previews: previews.writer, timings }) };
  };
  try {
    const { run, result } = await orInFloat32(chosen, attempt, (message) => {
      progress?.stop();
      notify(message);
    });
    progress?.stop();

    const png = encodePng(tensorToRgb(result.image));
    const bytes = options.metadata ? writeParameters(png, run.parameters) : png;
    const { dims, data } = result.latents;
    const latentsBytes = (): Uint8Array => serializeSafetensors({ latents: { dtype: "F32", shape: dims, data } });
    const [path] = await writeOutputFiles([
      { ...picture, bytes },
      ...latentsTarget.map((target) => ({ ...target, bytes: latentsBytes() })),
    ]);
    // From here on the previews belong to a picture that exists.
    previews.writer = null;
    timings.mark("save");
    await report({ path: resolve(path!), parameters: run.parameters, timings, json: options.json ?? false });
  } catch (error) {
    await discardPreviews();
    throw error;
  } finally {
    progress?.stop();
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

function promptOf(argument: string | undefined, option: string | undefined): string {
  if (argument !== undefined && option !== undefined) {
    throw new SanaError("invalid-parameter", "the prompt is given twice: as an argument and as --prompt");
  }
  const prompt = argument ?? option;
  if (prompt === undefined)
    throw new SanaError("invalid-parameter", 'the prompt is missing: sana generate "a red fox"');
  return prompt;
}

/** Runs the pipeline to its end, passing its progress on. */
async function follow(
  run: Run,
  listeners: { progress: Progress; previews: PreviewWriter | null; timings: Timings },
): Promise<GenerationResult> {
  for (;;) {
    const next = await run.events.next();
    if (next.done) {
      listeners.timings.mark("decode");
      return next.value;
    }
    const event = next.value;
    listeners.progress.event(event);
    listeners.timings.event(event);
    if (event.type === "prompt-truncated") {
      notify(`the ${event.prompt} is longer than the model reads; its end was cut off`);
    }
    if (event.type === "step") await listeners.previews?.write(event.step, event.predictedClean);
    // The networks block this thread; here a Ctrl+C that came meanwhile is taken in.
    await setImmediate();
  }
}

async function report(outcome: {
  path: string;
  parameters: GenerationParameters;
  timings: Timings;
  json: boolean;
}): Promise<void> {
  const { path, parameters, timings } = outcome;
  const { seed, width, height, steps, guidanceScale, scheduler, model, modelHash } = parameters;
  if (outcome.json) {
    const result = { path, seed, width, height, steps, guidanceScale, scheduler, model, modelHash };
    await print(`${toJson({ ...result, timings: timings.seconds() })}\n`);
    return;
  }
  const total = timings.seconds().total.toFixed(1);
  await print(`${path}\n${width}×${height}, ${steps} steps, seed ${seed}, ${total} s\n`);
}
