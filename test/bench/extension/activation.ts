import { readdirSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sidecars } from "../../e2e/processes";
import { openFile, type Workbench } from "../../e2e/workbench";
import type { Probe } from "./probe-client";
import type { ActivationTime } from "./probe-requests";

/** As a person takes for a look around before the first picture. */
const BEFORE_USE_MS = 3000;
const READY_TIMEOUT_MS = 60_000;
/** In milliseconds. */
export interface Activation {
  readonly sana: ActivationTime;
  /** Of an extension that does nothing: VS Code's own part. */
  readonly empty: ActivationTime;
}

/** Loads and activates it in a window that was opened for this and has become quiet. */
export async function measureActivation({ page }: Workbench, probe: Probe): Promise<Activation> {
  await probe.quietWindow();
  if ((await probe.ask("activation")) !== null) throw new Error("the extension was activated before its document");
  await openFile(page, "note.md");
  return { sana: await activation(probe, "activation"), empty: await activation(probe, "emptyActivation") };
}

/** What the extension has done some seconds after it was activated and before it was used. */
export async function measureWorkBeforeUse(workbench: Workbench, probe: Probe): Promise<string> {
  if ((await probe.ask("activation")) !== null)
    throw new Error("the extension was activated although nothing called for it");
  const home = join(workbench.folder, "..");
  const before = sanaFiles(home);
  await openFile(workbench.page, "note.md");
  await activation(probe, "activation");
  await sleep(BEFORE_USE_MS);
  const loaded = (await probe.ask("loadedFiles")).map((path) => relative(probe.sanaFolder, path));
  const written = [...sanaFiles(home)].filter((file) => !before.has(file)).map((file) => relative(home, file));
  return [
    `${sidecars(workbench).length} processes`,
    `files: ${written.length === 0 ? "none" : written.join(", ")}`,
    `loaded: ${loaded.join(", ")}`,
  ].join("; ");
}

/** Resolves as soon as the extension has been activated. */
async function activation(probe: Probe, of: "activation" | "emptyActivation"): Promise<ActivationTime> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const time = await probe.ask(of);
    if (time !== null) return time;
    if (Date.now() > deadline) throw new Error("the extension is not activated");
    await sleep(50);
  }
}

/** Every file of VS Code's profile that carries Sana's name, with its size. */
function sanaFiles(home: string): Set<string> {
  const found = readdirSync(join(home, "data"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => /sana/i.test(relative(home, path)));
  return new Set(found.map((path) => `${path} (${statSync(path).size} bytes)`));
}
