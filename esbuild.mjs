// Bundles the sidecar to dist/sana.cjs and, with --tests, every test file to dist/test/ as well.
import { build } from "esbuild";
import { readdirSync, rmSync } from "node:fs";

const common = {
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  outExtension: { ".js": ".cjs" },
  // Native: its .node files lie beside its JavaScript and cannot be bundled.
  external: ["onnxruntime-node"],
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
await build({ ...common, define, entryPoints: { sana: "sidecar/main.ts" }, outdir: "dist", sourcemap: "external" });

if (process.argv.includes("--tests")) {
  const tests = readdirSync("test", { recursive: true })
    .map((name) => name.replaceAll("\\", "/"))
    .filter((name) => name.endsWith(".test.ts"));
  await build({
    ...common,
    define,
    entryPoints: tests.map((name) => `test/${name}`),
    outbase: "test",
    outdir: "dist/test",
    sourcemap: "inline",
  });
}
