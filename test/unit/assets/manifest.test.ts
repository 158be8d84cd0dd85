import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseManifest, readManifest } from "../../../sidecar/assets/manifest";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { withFolder } from "../files/temporary-folder";

describe("parseManifest", () => {
  it("fills in the defaults and lets an asset override them", () => {
    const { assets, issues } = parseManifest(`{
      // Comments and trailing commas are fine.
      "$schema": "./schema.json",
      "defaults": { "steps": 8, "style": "flat vector illustration", "seed": "9223372036854775807", "format": "webp" },
      "assets": [
        { "path": "images/fox.png", "prompt": "a red fox", "alt": "A fox" },
        { "path": "一只猫", "prompt": "a cat", "style": "", "seed": 7, "steps": 4, },
      ],
    }`);
    assert.deepEqual(issues, []);
    const [fox, cat] = assets;
    assert.deepEqual(
      [fox!.path, fox!.prompt, fox!.alt, fox!.seed, fox!.steps, fox!.files.length],
      ["images/fox.png", "a red fox, flat vector illustration", "A fox", 9223372036854775807n, 8, 1],
    );
    assert.deepEqual(
      [cat!.path, cat!.prompt, cat!.alt, cat!.seed, cat!.steps, cat!.files[0]!.format],
      ["一只猫.webp", "a cat", "a cat", 7n, 4, "webp"],
    );
  });

  it("names the files of sizes", () => {
    const sizes = `[16, 32, "1x", "2x", "3x", { "path": "touch/icon.jpg", "width": 180 }, { "path": "other", "width": 9 }]`;
    const { assets, issues } = parseManifest(
      `{ "assets": [{ "path": "a/icon.png", "prompt": "x", "sizes": ${sizes} }] }`,
    );
    assert.deepEqual(issues, []);
    assert.deepEqual(assets[0]!.files, [
      { path: "a/icon.png", format: "png", width: { share: 1 / 3 } },
      { path: "a/icon-16.png", format: "png", width: { pixels: 16 } },
      { path: "a/icon-32.png", format: "png", width: { pixels: 32 } },
      { path: "a/icon@2x.png", format: "png", width: { share: 2 / 3 } },
      { path: "a/icon@3x.png", format: "png", width: { share: 1 } },
      { path: "touch/icon.jpg", format: "jpeg", width: { pixels: 180 } },
      { path: "other.png", format: "png", width: { pixels: 9 } },
    ]);
  });

  const badPaths = [
    "/etc/a.png",
    "../a.png",
    "a/../b.png",
    "./a.png",
    "a//b.png",
    "a/",
    "",
    "C:/a.png",
    "a\\b.png",
    "a\nb",
  ];
  for (const path of [...badPaths, "a /b.png", "con.png", "x/NUL", "a|b.png", "\u0000.png", "a/..", "~/a*.png"]) {
    it(`refuses the path ${JSON.stringify(path)}`, () => {
      const text = `{ "assets": [{ "path": ${JSON.stringify(path)}, "prompt": "x" }] }`;
      const { assets, issues } = parseManifest(text);
      assert.deepEqual(assets, []);
      assert.match(issues[0]!.message, /^assets\[0\]\.path must /);
      assert.equal(text.slice(issues[0]!.range.start, issues[0]!.range.end), JSON.stringify(path));
    });
  }

  for (const path of [
    "a.png",
    "..a.png",
    "a b/c-d_e.png",
    "图/狐狸 🦊.webp",
    "console.png",
    ".hidden/x.jpeg",
    "@2x.png",
  ]) {
    it(`takes the path ${path}`, () => {
      const { assets, issues } = parseManifest(`{ "assets": [{ "path": "${path}", "prompt": "x" }] }`);
      assert.deepEqual([issues, assets[0]!.path], [[], path]);
    });
  }

  const bad: Record<string, [text: string, message: RegExp, at: string]> = {
    "an empty file": ["", /^not valid JSON/, ""],
    "a syntax error": [`{ "assets": [ { "path" "a" } ] }`, /^not valid JSON: colon expected/, `"a"`],
    "no object": ["[]", /^the manifest must be an object/, "[]"],
    "no assets": ["{}", /^assets is missing/, "{}"],
    "a missing prompt": [`{"assets":[{"path":"a.png"}]}`, /^assets\[0\]\.prompt is missing/, `{"path":"a.png"}`],
    "an unknown key": [`{"assets":[],"colour":"red"}`, /^colour is not known here/, `"red"`],
    "an unknown key of an asset": [
      `{"assets":[{"path":"a.png","prompt":"x","promt":"y"}]}`,
      /^assets\[0\]\.promt is not known here/,
      `"y"`,
    ],
    "a wrong type": [`{"assets":[],"defaults":{"width":"512"}}`, /^defaults\.width must be a whole number/, `"512"`],
    "a large number": [`{"assets":[],"defaults":{"steps":1e9}}`, /^defaults\.steps must be .* to 1000/, "1e9"],
    "a seed below 0": [`{"assets":[],"defaults":{"seed":-1}}`, /^defaults\.seed must be a whole number from 0/, "-1"],
    "a seed of more than 63 bits": [
      `{"assets":[],"defaults":{"seed":"9223372036854775808"}}`,
      /^defaults\.seed must be below/,
      `"9223372036854775808"`,
    ],
    "a wrong size": [`{"assets":[],"defaults":{"sizes":["5x"]}}`, /^defaults\.sizes\[0\] must be a width/, `"5x"`],
    "a format that the path contradicts": [
      `{"assets":[{"path":"a.png","prompt":"x","format":"webp"}]}`,
      /^format is webp, but the extension of path says png/,
      `"webp"`,
    ],
    "an unknown extension": [`{"assets":[{"path":"a.gif","prompt":"x"}]}`, /^a\.gif must end with \.png/, `"a.gif"`],
    "a transparent jpeg": [
      `{"assets":[{"path":"a.jpg","prompt":"x","transparent":true}]}`,
      /^a\.jpg cannot be transparent/,
      `"a.jpg"`,
    ],
    "a path that is named twice": [
      `{"assets":[{"path":"a.png","prompt":"x"},{"path":"A.PNG","prompt":"x"}]}`,
      /^A\.PNG is made twice/,
      `"A.PNG"`,
    ],
    "a path that a size of another asset has": [
      `{"assets":[{"path":"a-16.png","prompt":"x"},{"path":"a.png","prompt":"x","sizes":[16]}]}`,
      /^a-16\.png is made twice/,
      `"a.png"`,
    ],
  };
  for (const [name, [text, message, at]] of Object.entries(bad)) {
    it(`reports ${name} at its place`, () => {
      const { issues } = parseManifest(text);
      assert.match(issues[0]!.message, message);
      assert.equal(text.slice(issues[0]!.range.start, issues[0]!.range.end), at);
    });
  }

  it("understands the other assets where one is faulty or not written to its end", () => {
    const texts = [
      `{"assets":[{"path":"../a.png","prompt":"x"},{"path":"b.png","prompt":"x"},{"path":"c.png"}]}`,
      `{"assets":[{"path":"a.png","prompt":},{"path":"b.png","prompt":"x"},{"path":"c.png",`,
    ];
    for (const text of texts) {
      const { assets, issues } = parseManifest(text);
      assert.deepEqual(
        assets.map(({ path }) => path),
        ["b.png"],
      );
      const { start, end } = assets[0]!.pathRange;
      assert.equal(text.slice(start, end), `"b.png"`);
      assert.ok(issues.length >= 2);
    }
    assert.deepEqual(parseManifest(`{"assets":[{"path":"b.png","prompt":"x"}],"defaults":{"steps":0}}`).assets, []);
  });

  it("tells what a JSON schema finds out from what it cannot", () => {
    const kindOf = (asset: object): string => parseManifest(JSON.stringify({ assets: [asset] })).issues[0]!.kind;
    assert.equal(kindOf({ path: "../a.png", prompt: "x" }), "schema");
    assert.equal(kindOf({ path: "con.png", prompt: "x" }), "value");
    assert.equal(kindOf({ path: "a.png", prompt: "x", seed: "9223372036854775808" }), "value");
    assert.equal(kindOf({ path: "a.png", prompt: "x", format: "webp" }), "format");
  });

  it("refuses more assets than a workspace can need", () => {
    const assets = Array.from({ length: 1001 }, (_, i) => ({ path: `${i}.png`, prompt: "x" }));
    assert.match(parseManifest(JSON.stringify({ assets })).issues[0]!.message, /at most 1000 assets/);
  });
});

describe("readManifest", () => {
  it("names file, line and column", () =>
    withFolder(async (folder) => {
      const file = join(folder, "sana.assets.json");
      writeFileSync(file, `{\n  "defaults": { "steps": 0 },\n  "assets": 1\n}`);
      await assert.rejects(readManifest(file), (error: Error) =>
        error.message.endsWith(
          `sana.assets.json:2:26: defaults.steps must be a whole number from 1 to 1000 (and 1 more)`,
        ),
      );
    }));
});
