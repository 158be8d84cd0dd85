// Builds the VSIX of one platform: node package.mjs [linux-x64|linux-arm64|darwin-arm64|win32-x64|win32-arm64]
// Only that platform's ONNX Runtime goes into it, unpacked: nothing has to be installed or downloaded afterwards.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** What a user has to download at most, in bytes: the bundled checkpoint is 160 MB of it. */
const SIZE_BUDGETS = {
  "linux-x64": 200e6,
  "linux-arm64": 200e6,
  "darwin-arm64": 200e6,
  "win32-x64": 200e6,
  "win32-arm64": 200e6,
};

/** The files of the repository that belong to the product. */
const CONTENTS = [".vscodeignore", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE", "l10n", "media", "models", "docs"];

const target = process.argv[2] ?? `${process.platform}-${process.arch}`;
const budget = SIZE_BUDGETS[target];
if (budget === undefined) {
  console.error(`package: the platform is "${target}"; allowed are ${Object.keys(SIZE_BUDGETS).join(", ")}`);
  process.exit(1);
}

const stage = join("dist", "vsix", target);
rmSync(stage, { recursive: true, force: true });
mkdirSync(join(stage, "dist"), { recursive: true });
for (const name of readdirSync(".")) {
  if (CONTENTS.includes(name) || name.startsWith("package.nls")) cpSync(name, join(stage, name), { recursive: true });
}
for (const name of readdirSync("dist")) {
  if (/\.(c?js|css|wasm|schema\.json|schema\.zh-cn\.json)$/.test(name)) cpSync(join("dist", name), join(stage, "dist", name));
}
copyOnnxRuntime();
writeManifest();

const file = `sana-${target}.vsix`;
const vsce = join("node_modules", "@vscode", "vsce", "vsce");
execFileSync(
  process.execPath,
  // prettier-ignore
  [join("..", "..", "..", vsce), "package", "--target", target, "--no-dependencies", "--out", join("..", "..", "..", file)],
  { cwd: stage, stdio: "inherit" },
);
const { size } = statSync(file);
console.log(`${file}: ${(size / 1e6).toFixed(1)} MB of at most ${budget / 1e6} MB`);
if (size > budget) process.exit(1);

/** ONNX Runtime beside the sidecar: its JavaScript, and the native files of the target alone. */
function copyOnnxRuntime() {
  const modules = join(stage, "dist", "node_modules");
  const [platform, arch] = target.split("-");
  const runtime = join("node_modules", "onnxruntime-node");
  for (const part of ["package.json", "dist"]) {
    cpSync(join(runtime, part), join(modules, "onnxruntime-node", part), { recursive: true, filter: isCode });
  }
  const native = join("bin", "napi-v6", platform, arch);
  cpSync(join(runtime, native), join(modules, "onnxruntime-node", native), { recursive: true, filter: isNeeded });
  const common = dirname(realpathSync(join("node_modules", "onnxruntime-common", "package.json")));
  cpSync(join(common, "package.json"), join(modules, "onnxruntime-common", "package.json"));
  cpSync(join(common, "dist", "cjs"), join(modules, "onnxruntime-common", "dist", "cjs"), {
    recursive: true,
    filter: isCode,
  });
}

function isCode(path) {
  return !/\.(d\.ts|map)$/.test(path);
}

/** macOS has the same library under two names, and the binding asks for the shorter one. */
function isNeeded(path) {
  return !/libonnxruntime\.\d+\.\d+\.\d+\.dylib$/.test(path);
}

/** The manifest without what only the repository needs: npm scripts and packages to build and test with. */
function writeManifest() {
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  for (const key of ["private", "scripts", "dependencies", "devDependencies", "overrides", "allowScripts"]) {
    Reflect.deleteProperty(manifest, key);
  }
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}
