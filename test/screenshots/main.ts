// `npm run screenshots`: makes the pictures of README.md anew, from the packaged extension in a real VS Code.
// `npm run screenshots -- panel` makes those of one scene only.
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { missingParts } from "../e2e/missing-parts";
import { animatePanel } from "./animation";
import { showDocuments } from "./documents";
import { showPanel } from "./panel";
import type { Screenshot } from "./stage";

const FOLDER = join("media", "screenshots");
/** What a visitor has to load at most, in bytes. */
const FILE_BUDGET = 1e6;
const BUDGET = 2.5e6;

const SCENES: Readonly<Record<string, () => Promise<Screenshot[]>>> = {
  animation: animatePanel,
  panel: showPanel,
  documents: showDocuments,
};

async function main(): Promise<void> {
  const missing = missingParts();
  if (missing !== false) throw new Error(missing);
  const wanted = process.argv.slice(2);
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, show] of Object.entries(SCENES)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    for (const { file, bytes } of await show()) {
      if (bytes.length > FILE_BUDGET) throw new Error(`${file} has ${bytes.length} bytes, more than ${FILE_BUDGET}`);
      writeFileSync(join(FOLDER, file), bytes);
      console.log(`${file}: ${Math.ceil(bytes.length / 1000)} KB`);
    }
  }
  const total = readdirSync(FOLDER).reduce((sum, file) => sum + statSync(join(FOLDER, file)).size, 0);
  if (total > BUDGET) throw new Error(`the pictures have ${total} bytes together, more than ${BUDGET}`);
}

main().catch((error: unknown) => {
  console.error(`screenshots: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
