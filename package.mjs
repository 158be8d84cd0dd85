// Builds the VSIX of one platform, or of all: node package.mjs [linux-x64|linux-arm64|darwin-arm64|win32-x64|win32-arm64|all]
// Only that platform's ONNX Runtime goes into it, unpacked: nothing has to be installed or downloaded afterwards.
import { spawnSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** What a user has to download at most, in bytes: the bundled models are 215 MB of it. */
const SIZE_BUDGETS = {
  "linux-x64": 250e6,
  "linux-arm64": 250e6,
  "darwin-arm64": 250e6,
  "win32-x64": 250e6,
  "win32-arm64": 250e6,
};

/** The files of the repository that the product needs when it runs, and that a marketplace shows. */
const CONTENTS = [
  ...[".vscodeignore", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE", "docs", "l10n", "models"],
  ...["media/icon-128.png", "media/panel.svg", "media/walkthrough"],
  ...readdirSync(".").filter((name) => name.startsWith("package.nls")),
];

const asked = process.argv[2] ?? `${process.platform}-${process.arch}`;
const targets = asked === "all" ? Object.keys(SIZE_BUDGETS) : [asked];
for (const target of targets) {
  if (SIZE_BUDGETS[target] === undefined) {
    fail(`the platform is "${target}"; allowed are ${Object.keys(SIZE_BUDGETS).join(", ")} and all`);
  }
  packageFor(target);
}

function packageFor(target) {
  const stage = join("dist", "vsix", target);
  rmSync(stage, { recursive: true, force: true });
  for (const name of CONTENTS) cpSync(name, join(stage, name), { recursive: true });
  for (const name of readdirSync("dist")) {
    if (/\.(c?js|css|wasm|schema\.json|schema\.zh-cn\.json)$/.test(name))
      cpSync(join("dist", name), join(stage, "dist", name));
  }
  copyOnnxRuntime(stage, target);
  writeManifest(stage);
  const file = `sana-${target}.vsix`;
  runVsce(stage, ["package", "--target", target, "--no-dependencies", "--out", resolve(file)]);
  const { size } = statSync(file);
  const budget = SIZE_BUDGETS[target];
  console.log(`${file}: ${(size / 1e6).toFixed(1)} MB of at most ${budget / 1e6} MB`);
  if (size > budget) fail(`${file} is too large`);
}

/** What it warns about is a fault. */
function runVsce(folder, args) {
  const program = resolve("node_modules", "@vscode", "vsce", "vsce");
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd: folder, encoding: "utf8" });
  console.log(`${stdout}${stderr}`.trim());
  if (status !== 0 || /\bWARN/.test(stdout + stderr)) fail("vsce failed or warned");
}

function fail(message) {
  console.error(`package: ${message}`);
  process.exit(1);
}

/** ONNX Runtime beside the sidecar: its JavaScript, and the native files of the target alone. */
function copyOnnxRuntime(stage, target) {
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
function writeManifest(stage) {
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  for (const key of ["private", "scripts", "dependencies", "devDependencies", "overrides", "allowScripts"]) {
    Reflect.deleteProperty(manifest, key);
  }
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
}
