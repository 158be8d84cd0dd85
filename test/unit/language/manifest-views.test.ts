import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TextDocument } from "vscode-languageserver-textdocument";
import { parseManifest } from "../../../sidecar/assets/manifest";
import type { AssetState } from "../../../sidecar/assets/plan";
import { codeLensesOf } from "../../../sidecar/language/code-lenses";
import { diagnosticsOf } from "../../../sidecar/language/diagnostics";
import { hoverAt } from "../../../sidecar/language/hover";
import type { ManifestView } from "../../../sidecar/language/manifest-view";
import { ENGLISH_LABELS as LABELS } from "../../../sidecar/protocol";

const NUMBERS = { width: 64, height: 32, steps: 2, guidanceScale: 1 };

/** A manifest in /ws whose assets are in these states, by path. */
function viewOf(
  text: string,
  states: Record<string, AssetState> = {},
  change: Partial<ManifestView> = {},
): ManifestView {
  const document = TextDocument.create("file:///ws/sana.assets.json", "jsonc", 1, text);
  const manifest = parseManifest(text);
  const recipe = { model: "/model", numbers: NUMBERS, parametersHash: "" };
  const planned = manifest.assets.map((asset) => {
    const state = states[asset.path] ?? "up-to-date";
    return { asset, state, reason: state === "up-to-date" ? null : { message: `why ${state}` }, recipe };
  });
  const plan = { assets: planned, orphans: [] };
  return { document, version: 1, folder: "/ws", manifest, plan, obstacle: null, failures: new Map(), ...change };
}

const manifest = (...assets: object[]): string => JSON.stringify({ assets }, null, 2);

describe("diagnostics of a manifest", () => {
  it("stand at the path of each asset that is not up to date", () => {
    const text = manifest(
      { path: "a.png", prompt: "x" },
      { path: "b.png", prompt: "x" },
      { path: "c.png", prompt: "x" },
      { path: "d.png", prompt: "x" },
    );
    const view = viewOf(text, { "b.png": "missing", "c.png": "conflict", "d.png": "invalid" });
    const found = diagnosticsOf(view, LABELS).map(({ range, code, severity, message }) => [
      view.document.getText(range),
      code,
      severity,
      message,
    ]);
    assert.deepEqual(found, [
      ['"b.png"', "missing", 2, "Missing: why missing"],
      ['"c.png"', "conflict", 2, "Not made by Sana: why conflict"],
      ['"d.png"', "invalid", 1, "Cannot be made: why invalid"],
    ]);
  });

  it("give the reason in the client's language", () => {
    const view = viewOf(manifest({ path: "a$&.png", prompt: "x" }));
    const [planned] = view.plan!.assets;
    const reason = { kind: "does-not-exist", files: "a$&.png" } as const;
    const plan = { assets: [{ ...planned!, state: "missing", reason } as const], orphans: [] };
    const reasons = { ...LABELS.reasons, "does-not-exist": "{0} 不存在" };
    const labels = { ...LABELS, missing: "缺失", reasons };
    const [diagnostic] = diagnosticsOf({ ...view, plan }, labels);
    assert.equal(diagnostic!.message, "缺失: a$&.png 不存在");
    const position = view.document.positionAt(view.manifest.assets[0]!.pathRange.start + 1);
    const hover = hoverAt({ ...view, plan }, position, labels)!.contents as { value: string };
    assert.match(hover.value, /\*\*缺失\*\*: a\\\$\\&\\\.png 不存在/);
  });

  it("name what a build could not make for as long as it is not there", () => {
    const text = manifest({ path: "a.png", prompt: "x" }, { path: "b.png", prompt: "x" });
    const failures = new Map([
      ["a.png", "no memory"],
      ["b.png", "no memory"],
    ]);
    const [only, ...others] = diagnosticsOf(viewOf(text, { "a.png": "missing" }, { failures }), LABELS);
    assert.deepEqual([only!.code, only!.message, others], ["failed", "Failed: no memory", []]);
  });

  it("leave to the editor what it finds out by itself", () => {
    const broken = `{ "assets": [{ "path": "../a.png", "prompt": "x" }, { "path": "b.png", "prompt": "x" },`;
    assert.deepEqual(diagnosticsOf(viewOf(broken), LABELS), []);
    const twice = manifest({ path: "a.png", prompt: "x" }, { path: "A.png", prompt: "x" });
    const view = viewOf(twice);
    const [duplicate] = diagnosticsOf(view, LABELS);
    assert.deepEqual([duplicate!.code, view.document.getText(duplicate!.range)], ["duplicate-path", '"A.png"']);
    const [device] = diagnosticsOf(viewOf(manifest({ path: "con.png", prompt: "x" })), LABELS);
    assert.equal(device!.code, "value");
  });

  it("say why nothing can be compared", () => {
    const text = manifest({ path: "a.png", prompt: "x" });
    const found = diagnosticsOf(viewOf(text, {}, { plan: null, obstacle: "the lock file is damaged" }), LABELS);
    assert.deepEqual(
      found.map(({ message, range }) => [message, range.start.line]),
      [["the lock file is damaged", 0]],
    );
  });
});

describe("code lenses of a manifest", () => {
  it("make what is not up to date and open what is there", () => {
    const paths = ["a", "b", "c", "d", "e"].map((name) => `${name}.png`);
    const text = manifest(...paths.map((path) => ({ path, prompt: "x" })));
    const states = { "b.png": "missing", "c.png": "out-of-date", "d.png": "conflict", "e.png": "invalid" } as const;
    const lensesOf = (view: ManifestView): unknown[] =>
      codeLensesOf(view, LABELS).map(({ command }) => [command!.title, ...(command!.arguments as unknown[]).slice(1)]);
    assert.deepEqual(lensesOf(viewOf(text, states)), [
      ["Open", "a.png"],
      ["Generate", "b.png"],
      ["Generate", "c.png"],
      ["Open", "c.png"],
      ["Generate", "d.png"],
      ["Open", "d.png"],
      ["Generate", "e.png"],
    ]);
    const unknown = viewOf(text, {}, { plan: null });
    assert.deepEqual(
      lensesOf(unknown),
      paths.map((path) => ["Generate", path]),
    );
  });
});

describe("the hover of an asset", () => {
  const hover = (path: string, state: AssetState, folder = "/ws"): string | undefined => {
    const view = viewOf(manifest({ path, prompt: "x", sizes: [16] }), { [path]: state }, { folder });
    const position = view.document.positionAt(view.manifest.assets[0]!.pathRange.start + 1);
    return (hoverAt(view, position, LABELS)?.contents as { value: string } | undefined)?.value;
  };

  it("shows the picture where there is one, the state, and the files with their sizes", () => {
    assert.equal(
      hover("a.png", "up-to-date"),
      "![](file:///ws/a.png|width=240)\n\n**Up to date**\n\n- a\\.png (64 × 32)\n- a\\-16\\.png (16 × 8)",
    );
    assert.equal(hover("a.png", "missing"), "**Missing**: why missing\n\n- a\\.png (64 × 32)\n- a\\-16\\.png (16 × 8)");
  });

  it("is of the path alone", () => {
    const view = viewOf(manifest({ path: "a.png", prompt: "x" }));
    assert.equal(hoverAt(view, view.document.positionAt(1), LABELS), null);
  });

  it("loads and links to nothing but the picture", () => {
    const named = hover("!x](evil) .png", "up-to-date", "/w (1)|s")!;
    assert.match(named, /^!\[\]\(file:\/\/\/w%20%281%29%7Cs\/!x(\]|%5D)%28evil%29%20\.png\|width=240\)\n/);
    assert.ok(named.includes("- \\!x\\]\\(evil\\) \\.png (64"), named);
  });
});
