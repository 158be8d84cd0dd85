import { toJsonSchema, type JsonSchema } from "@valibot/to-json-schema";
import { ManifestSchema } from "./manifest-schema";

/** What VS Code's JSON editor understands beyond JSON Schema. */
interface EditorHints {
  patternErrorMessage?: string;
  allowComments?: boolean;
  allowTrailingCommas?: boolean;
  defaultSnippets?: { label: string; description: string; body: unknown }[];
}

type ObjectSchema = JsonSchema & { properties: Record<string, JsonSchema & object> };

/** What an asset has where neither it nor the manifest's defaults say anything; completion writes it. */
const DEFAULTS: Readonly<Record<string, NonNullable<JsonSchema["default"]>>> = {
  negativePrompt: "",
  seed: 0,
  style: "",
  format: "png",
  sizes: [],
  transparent: false,
};

/**
 * The JSON schema of sana.assets.json, by which an editor completes, explains and checks it. Called by esbuild.mjs,
 * which writes it into dist/; so it cannot differ from what the sidecar accepts. It says nothing of what a JSON schema
 * cannot express (`ManifestIssue` of the kinds `value`, `duplicate-path` and `format`). `translate` turns English texts
 * into another language.
 */
export function manifestJsonSchema(translate: (text: string) => string): JsonSchema {
  const schema = toJsonSchema(ManifestSchema, {
    typeMode: "input",
    overrideAction: ({ valibotAction: action, jsonSchema }) => {
      // JSON has no infinity; the other checks are not JSON Schema's.
      if (action.type === "check" || action.type === "finite") return jsonSchema;
      if (action.type !== "regex") return null;
      const message = (action as unknown as { message: string }).message;
      return { ...jsonSchema, patternErrorMessage: translate(message) } as JsonSchema & EditorHints;
    },
  }) as ObjectSchema;
  const defaults = schema.properties.defaults as ObjectSchema;
  const asset = (schema.properties.assets as { items: ObjectSchema }).items;
  for (const [key, value] of Object.entries(DEFAULTS)) {
    for (const { properties } of [defaults, asset]) properties[key] = { ...properties[key], default: value };
  }
  const snippet = { label: translate("Picture"), description: "A picture of this workspace.", body: SNIPPET };
  Object.assign(asset, { defaultSnippets: [snippet] } satisfies EditorHints);
  Object.assign(schema, { allowComments: true, allowTrailingCommas: true } satisfies EditorHints);
  return translateDescriptions(schema, translate);
}

const SNIPPET = { path: "${1:images/picture.png}", prompt: "${2:a red fox}", alt: "$3" };

function translateDescriptions<Value>(value: Value, translate: (text: string) => string): Value {
  if (Array.isArray(value)) return value.map((item: unknown) => translateDescriptions(item, translate)) as Value;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]: [string, unknown]) => {
    const isText = (key === "description" || key === "title") && typeof inner === "string";
    return [key, isText ? translate(inner) : translateDescriptions(inner, translate)];
  });
  return Object.fromEntries(entries) as Value;
}
