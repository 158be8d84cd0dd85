import { Option } from "commander";
import type { OutputTarget } from "../files/output-file";
import { BUNDLED_MODEL } from "../generation/bundled-model";
import type { ExecutionProvider, Precision } from "../runtime/compute";
import { choiceOption, pathOption } from "./option-values";

/** Options that several commands share. */
export interface CommonOptions {
  readonly model: string;
  readonly provider: ExecutionProvider | "auto";
  readonly precision: Precision | "auto";
  readonly overwrite?: boolean;
}

export function modelOption(): Option {
  return pathOption("--model <folder>", "checkpoint in the diffusers layout").default(BUNDLED_MODEL, "the bundled one");
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
