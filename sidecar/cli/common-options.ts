import { Option } from "commander";
import type { OutputTarget } from "../files/output-file";
import { BUNDLED_MODELS, modelFolder } from "../generation/bundled-models";
import type { ExecutionProvider, Precision } from "../runtime/compute";
import { choiceOption, pathOption } from "./option-values";

export interface ModelOptions {
  readonly model: string;
  readonly quality?: boolean;
}

/** Options that several commands share. */
export interface CommonOptions {
  readonly model: string;
  readonly provider: ExecutionProvider | "auto";
  readonly precision: Precision | "auto";
  readonly overwrite?: boolean;
}

/** Its value is a folder, also where one of the bundled models is named. */
export function modelOption(): Option {
  const description = "checkpoint in the diffusers layout, or a bundled one: fast or quality";
  return pathOption("--model <folder>", description, modelFolder).default(BUNDLED_MODELS.fast, "fast");
}

/** Beside `modelOption`, of which it is the short form that most users need. */
export function qualityOption(): Option {
  const description = "the bundled model of 20 steps: slower and better; short for --model quality";
  return new Option("--quality", description).conflicts("model");
}

/** The folder of the checkpoint that those two options name. */
export function chosenModel({ model, quality }: ModelOptions): string {
  return quality === true ? BUNDLED_MODELS.quality : model;
}

export function computeOptions(): Option[] {
  return [
    choiceOption("--provider", "where to compute", ["auto", "cpu", "webgpu", "cuda"]).default("auto"),
    choiceOption("--precision", "number format of the computation", ["auto", "fp32", "fp16", "int8", "int4"]).default(
      "auto",
    ),
  ];
}

export function overwriteOption(): Option {
  return new Option("--overwrite", "replace files that exist");
}

/** A file that the user named: never replaced unless --overwrite is given. */
export function outputTarget(path: string, options: Pick<CommonOptions, "overwrite">): OutputTarget {
  return { path, ifExists: options.overwrite === true ? "replace" : "refuse" };
}

export function tilingOption(): Option {
  return choiceOption("--vae-tiling", "decode large pictures in overlapping tiles", ["on", "off", "auto"]).default(
    "auto",
  );
}

/** One line on stderr about how the picture is computed, not about whether. */
export function notify(message: string): void {
  process.stderr.write(`sana: ${message}\n`);
}
