import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { FrameLocator } from "playwright-core";
import { ask, fillForm, openPanel } from "../../e2e/panel-page";
import { openDocument } from "../../e2e/text-editor";
import { until } from "../../e2e/until";
import type { Workbench } from "../../e2e/workbench";
import { forgetSighting, sighting } from "./panel-watch";
import type { Probe } from "./probe-client";
import type { EventLoopDelay, HostMemory } from "./probe-requests";
import { typeSomething } from "./typing";

// A hundred small pictures on two busy cores.
const PICTURES_TIMEOUT_MS = 5 * 60_000;
/** The most that one press of Generate may ask for. */
const BATCH = 16;
const GENERATIONS = 100;

/** What the user asks for in the panel. */
interface Wish {
  readonly prompt: string;
  readonly count: number;
  readonly width?: number;
  readonly height?: number;
  readonly steps?: number;
}

export interface FirstPreview {
  /** From the end of step 1, as the extension host hears of it, until its preview is on the screen, in ms. */
  readonly shownAfter: number;
  /** From the end of step 1 to the end of step 2, in ms. */
  readonly step: number;
}

/** A picture of 20 steps, the second one: its networks are loaded. */
export async function measureFirstPreview(workbench: Workbench, probe: Probe): Promise<FirstPreview> {
  const panel = await openPanel(workbench.page);
  await generate(workbench, panel, { prompt: "a red fox", count: 1 });
  await probe.ask("sidecarEvents");
  await forgetSighting(panel, "preview");
  await generate(workbench, panel, { prompt: "a blue house", count: 1 });
  const steps = (await probe.ask("sidecarEvents")).filter(({ kind }) => kind === "step");
  const [first, second] = [1, 2].map((number) => steps.find(({ step }) => step === number)!.at);
  return { shownAfter: (await sighting(panel, "preview")) - first!, step: second! - first! };
}

export interface Smoothness {
  readonly eventLoop: EventLoopDelay;
  /** From a keystroke in an editor until its letter is painted, in ms. */
  readonly keystrokes: readonly number[];
}

/** Somebody types in an editor for some seconds, with and without pictures being made. */
export async function measureTyping(
  workbench: Workbench,
  probe: Probe,
): Promise<{ idle: Smoothness; generating: Smoothness }> {
  const { page } = workbench;
  const measure = async (): Promise<Smoothness> => {
    await openDocument(page, "note.md");
    await probe.ask("watchEventLoop");
    const keystrokes = await typeSomething(page);
    return { eventLoop: await probe.ask("eventLoopDelay"), keystrokes };
  };
  const idle = await measure();
  const panel = await openPanel(workbench.page);
  const before = pictures(workbench).length;
  await askFor(panel, { prompt: "a red fox", count: BATCH });
  const generating = await measure();
  if (pictures(workbench).length === before + BATCH) throw new Error("the pictures were ready before the typing was");
  await openPanel(workbench.page);
  await until(() => pictures(workbench).length === before + BATCH, PICTURES_TIMEOUT_MS);
  return { idle, generating };
}

/** Memory before the first picture, after it, and after a hundred more. */
export async function measureMemory(workbench: Workbench, probe: Probe): Promise<readonly HostMemory[]> {
  const panel = await openPanel(workbench.page);
  const small = { prompt: "a red fox", width: 128, height: 128, steps: 2 };
  const before = await probe.ask("memory");
  await generate(workbench, panel, { ...small, count: 1 });
  const one = await probe.ask("memory");
  for (let left = GENERATIONS; left > 0; left -= BATCH) {
    await generate(workbench, panel, { ...small, count: Math.min(left, BATCH) });
  }
  return [before, one, await probe.ask("memory")];
}

/** Asks for pictures and waits until they are on the disk. */
async function generate(workbench: Workbench, panel: FrameLocator, wish: Wish): Promise<void> {
  const before = pictures(workbench).length;
  await askFor(panel, wish);
  await until(() => pictures(workbench).length === before + wish.count, PICTURES_TIMEOUT_MS);
}

async function askFor(panel: FrameLocator, { prompt, count, ...size }: Wish): Promise<void> {
  const fields = { "Number of images": count, Width: size.width, Height: size.height, Steps: size.steps };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  await fillForm(panel, Object.fromEntries(given.map(([label, value]) => [label, String(value)])));
  await ask(panel, prompt);
}

/** The pictures that the panel has made so far. */
function pictures({ folder }: Workbench): string[] {
  const storage = join(folder, "..", "data", "User", "workspaceStorage");
  return readdirSync(storage, { recursive: true, encoding: "utf8" }).filter((name) =>
    /sana-vscode\.sana\/pictures\/[^/.]+\.png$/.test(name),
  );
}
