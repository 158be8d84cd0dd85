import * as v from "valibot";
import { SanaError } from "../errors";

/** The building blocks of configuration schemas. Their messages say what is allowed and complete "KEY must be …". */

export function integer(min: number, max: number) {
  const allowed = `a whole number from ${min} to ${max}`;
  return v.pipe(v.number(allowed), v.integer(allowed), v.minValue(min, allowed), v.maxValue(max, allowed));
}

/** A number above 0. */
export function positive(max: number) {
  const allowed = `a number above 0, at most ${max}`;
  return v.pipe(v.number(allowed), v.gtValue(0, allowed), v.maxValue(max, allowed));
}

export function flag() {
  return v.boolean("true or false");
}

export function text() {
  return v.string("a string");
}

export function oneOf<const Options extends readonly string[]>(options: Options) {
  return v.picklist(options, listed(options));
}

/** A key whose only usable value is `value`: any other would change the result in a way that is not implemented. */
export function only(value: string | boolean) {
  return v.literal(value, String(value));
}

/** A key that says something only where its value is not null, which is not implemented. */
export function unset() {
  return v.null("null");
}

function listed(options: readonly string[]): string {
  return options.map((option) => JSON.stringify(option)).join(" or ");
}

/**
 * Validates the value of a JSON file. Throws `invalid-checkpoint` naming the file, the key, what was found and what is
 * allowed. Keys that the schema does not know are ignored unless it is strict.
 */
export function parseConfig<const Schema extends v.GenericSchema>(
  schema: Schema,
  json: unknown,
  file: string,
): v.InferOutput<Schema> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new SanaError("invalid-checkpoint", `${file} holds ${describe(json)}; it must hold a JSON object`);
  }
  const result = v.safeParse(schema, json, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const key = (v.getDotPath(issue) ?? "").slice(0, 100);
  if (issue.expected === "never") throw new SanaError("invalid-checkpoint", `${file}: the key "${key}" is unknown`);
  if (issue.input === undefined) throw new SanaError("invalid-checkpoint", `${file}: the key "${key}" is missing`);
  throw configError(file, key, { found: issue.input, allowed: issue.message });
}

/** The error for a key whose value is well-formed but cannot be used. `allowed` completes "KEY must be …". */
export function configError(file: string, key: string, value: { found: unknown; allowed: string }): SanaError {
  return new SanaError(
    "invalid-checkpoint",
    `${file}: "${key}" is ${describe(value.found)}; it must be ${value.allowed}`,
  );
}

/** A short rendering of any JSON value. Objects are not printed: a hostile one may be of any size. */
function describe(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
