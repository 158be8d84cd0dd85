// `npm run test:electron [-- PROGRAM]`: the suite of the extension host in a desktop VS Code, the oldest that the extension
// says it runs on, or the one whose program is named. Exit code 0 only where the suite ran and passed.
import { downloadAndUnzipVSCode, runTests } from "@vscode/test-electron";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { SUITE_SETTINGS } from "./suite-settings";

async function main(): Promise<void> {
  const { engines } = JSON.parse(readFileSync("package.json", "utf8")) as { engines: { vscode: string } };
  const program = process.argv[2] ?? (await desktopVscode(engines.vscode.replace("^", "")));
  if (program === undefined) return;
  const target = `${process.platform}-${process.arch}`;
  execFileSync(process.execPath, ["package.mjs", target], { stdio: "inherit" });
  const home = mkdtempSync(join(tmpdir(), "sana-electron-"));
  try {
    const workspace = join(home, "workspace");
    mkdirSync(workspace);
    mkdirSync(join(home, "data", "User"), { recursive: true });
    writeFileSync(join(home, "data", "User", "settings.json"), JSON.stringify(SUITE_SETTINGS));
    await runTests({
      vscodeExecutablePath: program,
      extensionDevelopmentPath: resolve("dist", "vsix", target),
      extensionTestsPath: resolve("dist", "test", "extension-host", "suite.cjs"),
      extensionTestsEnv: { SANA_SUITE_RESULTS: join(home, "results.jsonl") },
      launchArgs: [
        workspace,
        "--user-data-dir",
        join(home, "data"),
        "--disable-extensions",
        "--disable-workspace-trust",
      ],
    });
    console.log("test:electron: passed");
  } catch (error) {
    console.error(`test:electron: failed: ${String(error)}`);
    process.exitCode = 1;
  } finally {
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Undefined, and the user knows why, where none can be had. */
async function desktopVscode(version: string): Promise<string | undefined> {
  try {
    return await downloadAndUnzipVSCode({ version, timeout: 60_000 });
  } catch (error) {
    console.error(
      `test:electron: SKIPPED (does not count as passed): VS Code ${version} for the desktop could not be had: ${String(error)}`,
    );
    process.exitCode = 1;
    return undefined;
  }
}

void main();
