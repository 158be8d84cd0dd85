import * as v from "valibot";
import { invalidPng } from "./png-chunks";
import { readInternationalText, writeInternationalText } from "./png-text";

/** The iTXt keyword under which the parameters are kept, as one JSON object. */
const KEYWORD = "sana:parameters";

/** Thirty times a prompt of 100,000 characters; a text above this was not written by this program. */
const MAX_TEXT_BYTES = 16 * 2 ** 20;

const MAX_SEED = 2n ** 63n - 1n;

/** A seed in JSON: a number while numbers are exact (up to 2^53 − 1), above that its decimal digits as a string. */
const SeedSchema = v.pipe(
  v.union([v.pipe(v.number(), v.safeInteger(), v.minValue(0)), v.pipe(v.string(), v.regex(/^[0-9]{1,19}$/))]),
  v.transform((seed) => BigInt(seed)),
  v.maxValue(MAX_SEED),
);

const Sha256Schema = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const CountSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const FiniteSchema = v.pipe(v.number(), v.finite());

/** In the order in which the keys are written. */
const ParametersSchema = v.object({
  prompt: v.string(),
  negativePrompt: v.string(),
  /** Absent when all the noise came from a file. */
  seed: v.optional(SeedSchema),
  width: CountSchema,
  height: CountSchema,
  steps: CountSchema,
  guidanceScale: FiniteSchema,
  scheduler: v.string(),
  /** The checkpoint's name, never its path. */
  model: v.string(),
  /** SHA-256 over the sorted SHA-256 of all weight files. */
  modelHash: Sha256Schema,
  precision: v.string(),
  humanInstruction: v.boolean(),
  maxSequenceLength: CountSchema,
  resolutionBinning: v.boolean(),
  vaeTiling: v.string(),
  /** SHA-256 of the file that the initial noise was read from. */
  latentsSha256: v.optional(Sha256Schema),
  /** Image-to-image: how much of the source is redrawn, in (0, 1]. */
  strength: v.optional(FiniteSchema),
  /** Image-to-image: SHA-256 of the source picture's file. */
  sourceImageSha256: v.optional(Sha256Schema),
  programVersion: v.string(),
});

/** Everything that, with the checkpoint and the input files, makes the same picture again. */
export type GenerationParameters = v.InferOutput<typeof ParametersSchema>;

/** The JSON form of the parameters: what the PNG holds and what programs are shown. Its key order is always the same. */
export function parametersToJson(parameters: GenerationParameters): Record<string, unknown> {
  const json: Record<string, unknown> = {};
  for (const key of Object.keys(ParametersSchema.entries) as (keyof GenerationParameters)[]) {
    const value = parameters[key];
    if (value !== undefined) json[key] = typeof value === "bigint" ? seedToJson(value) : value;
  }
  return json;
}

/** A seed of 0…2^63−1 for JSON: a number up to 2^53 − 1, its digits above, where most readers would round a number. */
function seedToJson(seed: bigint): number | string {
  return seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seed) : seed.toString();
}

/** Puts the parameters into a PNG that `encodePng` wrote. */
export function writeParameters(png: Uint8Array, parameters: GenerationParameters): Uint8Array {
  return writeInternationalText(png, KEYWORD, JSON.stringify(parametersToJson(parameters)));
}

/**
 * The parameters that a PNG was made with; undefined for a PNG that holds none. `file` is the name for error messages.
 * Throws "invalid-input-file" for a damaged PNG and for parameters that this program cannot have written.
 */
export function readParameters(png: Uint8Array, file: string): GenerationParameters | undefined {
  const text = readInternationalText(png, { keyword: KEYWORD, maxBytes: MAX_TEXT_BYTES, file });
  if (text === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalidPng(file, "its generation parameters are not JSON");
  }
  const result = v.safeParse(ParametersSchema, json, { abortEarly: true });
  if (result.success) return result.output;
  const key = v.getDotPath(result.issues[0]) ?? "the whole";
  throw invalidPng(file, `its generation parameters are not valid at ${key}`);
}
