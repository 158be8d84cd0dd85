import * as v from "valibot";

/** Limits of what an agent may ask for; `languageModelTools` in package.json tells the agent the same. */
export const TOOL_LIMITS = { minSide: 128, maxSide: 1024, maxCount: 4, maxSteps: 50, maxPrompt: 2000 } as const;

const side = v.pipe(
  v.number("must be a number"),
  v.integer("must be a whole number"),
  v.minValue(TOOL_LIMITS.minSide, `must be ${TOOL_LIMITS.minSide} or more`),
  v.maxValue(TOOL_LIMITS.maxSide, `must be ${TOOL_LIMITS.maxSide} or less`),
);
const prompt = v.pipe(
  v.string("must be a string"),
  v.maxLength(TOOL_LIMITS.maxPrompt, `must have at most ${TOOL_LIMITS.maxPrompt} characters`),
);

const ToolInput = v.strictObject({
  prompt: v.pipe(prompt, v.regex(/\S/, "must not be empty")),
  negativePrompt: v.optional(prompt),
  width: v.optional(side),
  height: v.optional(side),
  steps: v.optional(
    v.pipe(
      v.number("must be a number"),
      v.integer("must be a whole number"),
      v.minValue(1, "must be 1 or more"),
      v.maxValue(TOOL_LIMITS.maxSteps, `must be ${TOOL_LIMITS.maxSteps} or less`),
    ),
  ),
  seed: v.optional(
    v.pipe(
      v.number("must be a number"),
      v.safeInteger("must be a whole number"),
      v.minValue(0, "must not be negative"),
    ),
  ),
  count: v.optional(
    v.pipe(
      v.number("must be a number"),
      v.integer("must be a whole number"),
      v.minValue(1, "must be 1 or more"),
      v.maxValue(TOOL_LIMITS.maxCount, `must be ${TOOL_LIMITS.maxCount} or less`),
    ),
    1,
  ),
  /** From the workspace folder on. */
  path: v.optional(
    v.pipe(
      v.string("must be a string"),
      v.check(isPathInside, "must be a path inside the workspace folder that ends in .png, such as images/fox.png"),
    ),
  ),
});
export type ToolInput = v.InferOutput<typeof ToolInput>;

/** Checks what an agent sent. Throws an Error whose message names each value that is not allowed, for the agent. */
export function parseToolInput(input: unknown): ToolInput {
  const result = v.safeParse(ToolInput, input);
  if (result.success) return result.output;
  const problems = result.issues.map((issue) => `${v.getDotPath(issue) ?? "the input"} ${issue.message}`);
  throw new Error(problems.join("; "));
}

function isPathInside(path: string): boolean {
  // eslint-disable-next-line no-control-regex -- no file has such a name
  if (/[\u0000-\u001f<>:"|?*\\]/.test(path) || path.startsWith("/") || !/[^/]\.png$/i.test(path)) return false;
  return path.split("/").every((part) => part !== "" && !/^\.+$/.test(part) && !/[. ]$/.test(part));
}
