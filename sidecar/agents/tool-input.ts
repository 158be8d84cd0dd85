import * as v from "valibot";

/**
 * What agents may ask for, through VS Code's language model tool and through MCP alike. `languageModelTools` in
 * package.json tells the same as JSON Schema.
 */
export const TOOL_DESCRIPTION =
  "Makes pictures from a text prompt with a diffusion model that runs on the user's own machine, and saves each as a new PNG file in the workspace. Returns, for each picture, JSON with its absolute path, a Markdown image link relative to the workspace folder, seed and size, and the image itself. Takes seconds a picture. The bundled models draw simple subjects (animals, objects, food, scenes) as illustrations and icons from English, Chinese, German or emoji prompts. They write a short word that stands in quotes, of at most eight letters, on signs, labels and speech bubbles; they cannot do longer texts, diagrams or exact layouts. Never overwrites a file.";

/**
 * From the workspace folder on, with forward slashes, valid on every system: no part is empty, ends with a dot or a
 * space (so none is `.` or `..`), or holds a character that Windows refuses.
 */
const PICTURE_PATH =
  // eslint-disable-next-line no-control-regex -- control characters are among those that are refused
  /^(?:[^/\\<>:"|?*\u0000-\u001f]*[^/\\<>:"|?*\u0000-\u001f. ]\/)*[^/\\<>:"|?*\u0000-\u001f]+\.[pP][nN][gG]$/;

function wholeNumber<const Min extends number, const Max extends number>(min: Min, max: Max) {
  return v.pipe(
    v.number("must be a number"),
    v.integer("must be a whole number"),
    v.minValue(min, `must be ${min} or more`),
    v.maxValue(max, `must be ${max} or less`),
  );
}

const prompt = v.pipe(v.string("must be a string"), v.maxLength(2000, "must have at most 2000 characters"));
const side = wholeNumber(128, 1024);

export const ToolInput = v.strictObject({
  prompt: v.pipe(
    prompt,
    v.regex(/\S/, "must not be empty"),
    v.description('What the picture shows, such as "a red fox in the snow, flat vector illustration".'),
  ),
  model: v.optional(
    v.pipe(
      v.picklist(["fast", "quality"], "must be fast or quality"),
      v.description("The bundled model: fast, or better and several times slower. Default: the user's choice."),
    ),
  ),
  negativePrompt: v.optional(
    v.pipe(prompt, v.description("What should not be in the picture. The fast model does not know it.")),
  ),
  width: v.optional(v.pipe(side, v.description("Width in pixels. Default: the model's own."))),
  height: v.optional(v.pipe(side, v.description("Height in pixels. Default: the model's own."))),
  steps: v.optional(v.pipe(wholeNumber(1, 50), v.description("Denoising steps. Default: the model's own."))),
  seed: v.optional(
    v.pipe(
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
      v.description("For the same picture again; further pictures count up from it. Default: random."),
    ),
  ),
  count: v.optional(v.pipe(wholeNumber(1, 4), v.description("Number of pictures.")), 1),
  path: v.optional(
    v.pipe(
      v.string("must be a string"),
      v.regex(
        PICTURE_PATH,
        "must be a path inside the workspace folder that ends in .png, such as images/fox.png; it must not exist yet",
      ),
      v.description(
        "Path of the file from the workspace folder on, such as images/fox.png. Must not exist yet. Default: a name from the prompt in the folder that the user's settings name.",
      ),
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
