import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseManifest } from "../../../sidecar/assets/manifest";
import { manifestJsonSchema } from "../../../sidecar/assets/manifest-json-schema";

interface Schema {
  description?: string;
  default?: unknown;
  pattern?: string;
  patternErrorMessage?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  additionalProperties?: boolean;
}

const schema = manifestJsonSchema((text) => text) as Schema;
const asset = schema.properties!.assets!.items!;

/** Every schema in it, by where it is. */
function* within(part: Schema, path: string): Generator<[path: string, part: Schema]> {
  yield [path, part];
  for (const [key, inner] of Object.entries(part.properties ?? {})) yield* within(inner, `${path}.${key}`);
  for (const [index, inner] of (part.anyOf ?? []).entries()) yield* within(inner, `${path}|${index}`);
  if (part.items !== undefined) yield* within(part.items, `${path}[]`);
}

describe("the JSON schema of a manifest", () => {
  it("describes every key, and allows no other", () => {
    for (const [path, part] of within(schema, "manifest")) {
      for (const [key, { description }] of Object.entries(part.properties ?? {})) {
        assert.ok(key === "$schema" || (description ?? "") !== "", `${path}.${key}`);
      }
      if (part.properties !== undefined) assert.equal(part.additionalProperties, false, path);
    }
  });

  it("has defaults that change nothing", () => {
    const defaults = Object.entries(asset.properties!).flatMap(([key, { default: value }]) =>
      value === undefined ? [] : [[key, value] as const],
    );
    assert.ok(defaults.length > 3);
    const plain = { path: "a", prompt: "x" };
    const [without, withAll] = [plain, { ...plain, ...Object.fromEntries(defaults) }].map((entry) => {
      const { assets, issues } = parseManifest(JSON.stringify({ assets: [entry] }));
      assert.deepEqual(issues, []);
      return { ...assets[0]!, range: null, pathRange: null };
    });
    assert.deepEqual(withAll, without);
  });

  it("has patterns that an editor understands, with a message for people", () => {
    const patterns = [...within(schema, "manifest")].filter(([, { pattern }]) => pattern !== undefined);
    assert.ok(patterns.length > 3);
    for (const [path, { pattern, patternErrorMessage }] of patterns) {
      assert.doesNotThrow(() => new RegExp(pattern!, "u"), path);
      assert.match(patternErrorMessage!, /^must be /, path);
    }
    const { pattern } = asset.properties!.path!;
    for (const path of ["../a.png", "/a.png", "C:/a.png", "a//b.png"])
      assert.doesNotMatch(path, new RegExp(pattern!, "u"));
    for (const path of ["a.png", "图/狐狸 🦊.webp"]) assert.match(path, new RegExp(pattern!, "u"));
  });

  it("is translated as a whole", () => {
    const texts = new Set<string>();
    const translated = manifestJsonSchema((text) => {
      texts.add(text);
      return `«${text}»`;
    }) as Schema;
    for (const [path, { description, patternErrorMessage }] of within(translated, "manifest")) {
      for (const text of [description, patternErrorMessage]) assert.match(text ?? "«»", /^«[^«»]*»$/, path);
    }
    assert.ok(texts.size > 20);
  });
});
