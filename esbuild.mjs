// Bundles the sidecar to dist/sana.cjs, the extension to dist/extension.cjs, with what it loads later beside it, and the
// webview to dist/webview.js and .css; with --tests every test file to dist/test/, with --bench the benchmarks to dist/bench/, with --soak the
// server's long test to dist/soak/, with --code the program that opens a VS Code to try it in, with --electron the tests
// that a desktop VS Code runs, with --screenshots what makes README's pictures.
import { build } from "esbuild";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { ownBundles, vscodeOnce } from "./extension-bundles.mjs";
import { smallLanguageClient } from "./language-client.mjs";

const common = {
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  outExtension: { ".js": ".cjs" },
  // Picture encoders; evaluated when the first picture needs one.
  loader: { ".wasm": "binary" },
  // Its CommonJS form loads its parts in a way that no bundler sees.
  alias: { "jsonc-parser": "jsonc-parser/lib/esm/main.js" },
  // ONNX Runtime is native: its .node files lie beside its JavaScript. `vscode` exists inside VS Code only. The others are for tests and look for their own files.
  external: ["onnxruntime-node", "vscode", "playwright-core", "axe-core", "@vscode/test-electron"],
  // Libraries that ask for their own location must find it in a CommonJS bundle too.
  define: { "import.meta.url": "__bundleUrl" },
  banner: { js: 'const __bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
  logLevel: "warning",
};

const { version } = JSON.parse(
  (await import("node:fs")).readFileSync(new URL("package.json", import.meta.url), "utf8"),
);
const define = { ...common.define, PROGRAM_VERSION: JSON.stringify(version) };

rmSync("dist", { recursive: true, force: true });
await build({
  ...common,
  define,
  entryPoints: {
    sana: "sidecar/main.ts",
    "provider-probe": "sidecar/runtime/provider-probe.ts",
    "inference-worker": "sidecar/worker/main.ts",
    "mcp-server": "sidecar/agents/mcp-server.ts",
  },
  outdir: "dist",
  sourcemap: "external",
});

await build({
  ...common,
  entryPoints: { extension: "extension/main.ts", "language-client": "extension/sidecar/language-client.ts" },
  outdir: "dist",
  sourcemap: "external",
  minify: true,
  supported: { "dynamic-import": false },
  plugins: [vscodeOnce, ownBundles, smallLanguageClient],
});
await build({
  bundle: true,
  platform: "browser",
  target: "chrome120",
  format: "iife",
  minify: true,
  entryPoints: [
    { in: "webview/main.ts", out: "webview" },
    { in: "webview/style.css", out: "webview" },
  ],
  outdir: "dist",
  logLevel: "warning",
});

await writeManifestSchemas();
/** In bytes at most: what VS Code reads when the extension is activated, with the first picture, with the panel. */
const SIZE_BUDGETS = [
  { names: ["extension.cjs"], budget: 150e3 },
  { names: ["extension.cjs", "language-client.cjs"], budget: 400e3 },
  { names: ["webview.js"], budget: 300e3 },
];
for (const { names, budget } of SIZE_BUDGETS) {
  const size = names.reduce((sum, name) => sum + statSync(`dist/${name}`).size, 0);
  if (size > budget) {
    console.error(`esbuild: ${names.join(" and ")} in dist/ have ${size} bytes, more than ${budget}`);
    process.exit(1);
  }
}

const programs = [];
if (process.argv.includes("--tests")) {
  const files = readdirSync("test", { recursive: true }).map((name) => name.replaceAll("\\", "/"));
  programs.push(...files.filter((name) => name.endsWith(".test.ts")).map((name) => ({ name, outdir: "dist/test" })));
}
if (process.argv.includes("--soak")) programs.push({ name: "soak/main.ts", outdir: "dist" });
if (process.argv.includes("--screenshots")) programs.push({ name: "screenshots/main.ts", outdir: "dist/test" });
if (process.argv.includes("--tests") || process.argv.includes("--electron")) {
  const names = ["suite.ts", "run-electron.ts"];
  programs.push(...names.map((name) => ({ name: `extension-host/${name}`, outdir: "dist/test" })));
}
if (process.argv.includes("--code")) programs.push({ name: "e2e/open-code.ts", outdir: "dist/test" });
if (process.argv.includes("--bench")) {
  // prettier-ignore
  const names = ["main.ts", "sana-contestant.ts", "server-contestant.ts", "previews.ts", "providers.ts", "full-size/make-checkpoint.ts", "extension/main.ts", "extension/probe.ts"];
  programs.push(...names.map((name) => ({ name: `bench/${name}`, outdir: "dist" })));
}
for (const outdir of new Set(programs.map((program) => program.outdir))) {
  const entryPoints = programs.filter((program) => program.outdir === outdir).map(({ name }) => `test/${name}`);
  await build({ ...common, define, entryPoints, outbase: "test", outdir, sourcemap: "inline" });
}

/** The JSON schema of sana.assets.json, in English and in Chinese, from what the sidecar checks it by. */
async function writeManifestSchemas() {
  const script = "dist/manifest-json-schema.mjs";
  const entryPoints = ["sidecar/assets/manifest-json-schema.ts"];
  await build({ bundle: true, platform: "node", target: "node20", format: "esm", entryPoints, outfile: script });
  const { manifestJsonSchema } = await import(new URL(script, import.meta.url));
  rmSync(script);
  const chinese = JSON.parse(readFileSync("l10n/sana.assets.schema.zh-cn.json", "utf8"));
  const translate = (text) => {
    if (chinese[text] === undefined) throw new Error(`l10n/sana.assets.schema.zh-cn.json does not have "${text}"`);
    return chinese[text];
  };
  const write = (name, schema) => writeFileSync(`dist/${name}`, JSON.stringify(schema));
  write(
    "sana.assets.schema.json",
    manifestJsonSchema((text) => text),
  );
  write("sana.assets.schema.zh-cn.json", manifestJsonSchema(translate));
}
