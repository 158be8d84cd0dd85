import { join } from "node:path";
import * as v from "valibot";
import { configError, flag, integer, parseConfig, positive } from "./config-schema";
import type { Checkpoint } from "./diffusers-layout";
import { listFolder, readJson } from "./files";

const FILE_NAME = "generation_defaults.json";

// The largest side of the official tables is 8192 pixels.
const MAX_SIDE = 8192;
const MAX_STEPS = 1000;
// As long as the context of Gemma 2; the reference's own length is 300.
const MAX_SEQUENCE_LENGTH = 8192;
const MAX_SIZES = 1000;
// π/2 as Sprint's pipeline rounds it.
const MAX_ANGLE = 1.5708;

const sizes = `a list of at most ${MAX_SIZES} [width, height]`;
const stepCount = `a number of steps from 1 to ${MAX_STEPS}`;

const schema = v.strictObject({
  name: v.optional(
    v.pipe(v.string("a name"), v.regex(/^[\w.-]{1,100}$/, "letters, digits, dots and dashes, at most 100")),
  ),
  width: v.optional(integer(1, MAX_SIDE)),
  height: v.optional(integer(1, MAX_SIDE)),
  numInferenceSteps: v.optional(integer(1, MAX_STEPS)),
  guidanceScale: v.optional(v.pipe(v.number("a number"), v.finite("a finite number"))),
  timesteps: v.optional(
    v.record(
      v.pipe(v.string(), v.regex(/^(?:[1-9]\d{0,2}|1000)$/, stepCount)),
      v.array(positive(MAX_ANGLE), "a list of angles"),
      "an object from numbers of steps to lists of angles",
    ),
  ),
  strength: v.optional(positive(1)),
  complexHumanInstruction: v.optional(flag(), true),
  spelledWords: v.optional(flag(), false),
  maxSequenceLength: v.optional(integer(1, MAX_SEQUENCE_LENGTH), 300),
  resolutionBinning: v.optional(flag(), true),
  cpuPrecision: v.optional(v.picklist(["fp32", "int8", "int4"], "fp32, int8 or int4")),
  sizes: v.optional(
    v.pipe(
      v.array(v.strictTuple([integer(1, MAX_SIDE), integer(1, MAX_SIDE)], sizes), sizes),
      v.maxLength(MAX_SIZES, sizes),
    ),
    [],
  ),
});

/**
 * How pictures are made with a checkpoint where its user does not say otherwise. Absent numbers are left to the
 * pipeline. `name` is what pictures are signed with in place of the folder's name. `sizes` are the [width, height] in
 * pixels that the model was trained for, empty where they are not known. `cpuPrecision` is what the CPU computes with.
 * `timesteps`, of Sprint checkpoints alone: by the number of steps, the angle in radians that each step starts from,
 * descending; other numbers of steps have the reference's. `spelledWords`: the model was trained on prompts whose words
 * in quotes are spelled out (pipeline/spelled-words.ts).
 */
export type GenerationDefaults = Readonly<v.InferOutput<typeof schema>>;

/**
 * The checkpoint's generation_defaults.json, which lies beside model_index.json, or the reference's defaults where
 * there is none. Throws `invalid-checkpoint` for invalid values and for keys that are not known.
 */
export async function readGenerationDefaults(
  checkpoint: Pick<Checkpoint, "folder" | "pipeline">,
): Promise<GenerationDefaults> {
  const file = join(checkpoint.folder, FILE_NAME);
  const present = (await listFolder(checkpoint.folder)).includes(FILE_NAME);
  const defaults = parseConfig(schema, present ? await readJson(file) : {}, file);
  if (defaults.timesteps !== undefined) checkTimesteps(defaults.timesteps, checkpoint.pipeline, file);
  return defaults;
}

function checkTimesteps(
  timesteps: Readonly<Record<string, readonly number[]>>,
  pipeline: Checkpoint["pipeline"],
  file: string,
): void {
  if (pipeline !== "SanaSprintPipeline") {
    throw configError(file, "timesteps", { found: timesteps, allowed: `left out for ${pipeline}` });
  }
  for (const [steps, angles] of Object.entries(timesteps)) {
    const descends = angles.every((angle, i) => i === 0 || angle < angles[i - 1]!);
    if (descends && angles.length === Number(steps)) continue;
    const allowed = `a list of ${steps}, each angle less than the one before`;
    throw configError(file, `timesteps.${steps}`, { found: angles, allowed });
  }
}
