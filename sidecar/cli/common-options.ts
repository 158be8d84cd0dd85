import { Option } from "commander";
import { SanaError } from "../errors";
import type { OutputTarget } from "../files/output-file";
import { BUNDLED_MODEL } from "../generation/bundled-model";
import { choiceOption, pathOption } from "./option-values";

/** Options that several commands share. */
export interface CommonOptions {
  readonly model: string;
  readonly provider: "auto" | "cpu" | "webgpu" | "cuda";
  readonly precision: "auto" | "fp32" | "fp16";
  readonly overwrite?: boolean;
}

export function modelOption(): Option {
  return pathOption("--model <folder>", "checkpoint in the diffusers layout").default(BUNDLED_MODEL, "the bundled one");
}

export function computeOptions(): Option[] {
  return [
    choiceOption("--provider", "where to compute", ["auto", "cpu", "webgpu", "cuda"]).default("auto"),
    choiceOption("--precision", "number format of the computation", ["auto", "fp32", "fp16"]).default("auto"),
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

/** Throws `unsupported` for what only a later version computes with: this one has the CPU and float32. */
export function checkCompute(options: Pick<CommonOptions, "provider" | "precision">): void {
  if (options.provider === "webgpu" || options.provider === "cuda") {
    throw new SanaError("unsupported", `--provider ${options.provider} is not available in this version; use cpu`);
  }
  if (options.precision === "fp16") {
    throw new SanaError("unsupported", "--precision fp16 is not available in this version; use fp32");
  }
}
