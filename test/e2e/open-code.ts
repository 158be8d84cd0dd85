// `npm run code`: the packaged extension in a real VS Code in the browser, on a copy of the sample workspace.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { missingParts } from "./missing-parts";
import { startVscodeServer } from "./vscode-server";

async function main(): Promise<void> {
  const missing = missingParts();
  if (missing !== false) {
    console.error(`code: ${missing}`);
    process.exitCode = 1;
    return;
  }
  const home = mkdtempSync(join(tmpdir(), "sana-code-"));
  const folder = join(home, "tea-house");
  cpSync(resolve("test", "e2e", "sample-workspace"), folder, { recursive: true });
  // The folder's README says what there is to try.
  const server = await startVscodeServer(home, { settings: { "workbench.startupEditor": "readme" } });
  console.log(`Open ${server.origin}/?folder=${encodeURIComponent(folder)}\nCtrl+C ends it and removes the workspace.`);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => {
      void server.stop().finally(() => {
        rmSync(home, { recursive: true, force: true, maxRetries: 5 });
        process.exit(0);
      });
    });
  }
}

void main();
