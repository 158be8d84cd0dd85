// `npm run bench:extension`: what the packaged extension costs a real VS Code. Prints the table of README.md, or the
// parts of it that are named: `npm run bench:extension -- activation panel`.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { missingParts } from "../../e2e/missing-parts";
import { openWorkbench, type Workbench } from "../../e2e/workbench";
import { note } from "../comparison";
import { table } from "../table";
import { measureActivation, measureWorkBeforeUse, type Activation } from "./activation";
import { measureFirstPreview, measureMemory, measureTyping, type Smoothness } from "./generation";
import { openEmptyWebviewOnce, openPanelOnce } from "./panel-opening";
import { watchPanel } from "./panel-watch";
import { Probe } from "./probe-client";
import { range } from "./range";

const HOSTS = 7;
/** New browser profiles in which the panel, or the empty webview, is the first of all webviews. */
const PROFILES = 3;
/** Of either, in turn, in each profile. */
const LATER_OPENINGS = 3;

const PARTS: Record<string, (probe: Probe) => Promise<Row[]>> = {
  activation: async (probe) => [
    ...(await activationInNewHosts(probe)),
    ...(await inNewWindow(probe, measureStart)),
    ...sizes(probe),
  ],
  panel: openingInNewProfiles,
  pictures: (probe) => inNewWindow(probe, measurePictures),
  memory: (probe) => inNewWindow(probe, measureGrowth),
};

async function main(): Promise<void> {
  const parts = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS);
  const unknown = parts.filter((part) => !Object.hasOwn(PARTS, part));
  if (unknown.length > 0)
    throw new Error(`there is no part "${unknown[0]}"; there are ${Object.keys(PARTS).join(", ")}`);
  const missing = missingParts();
  if (missing !== false) throw new Error(missing);
  const folder = mkdtempSync(join(tmpdir(), "sana-bench-"));
  try {
    const probe = Probe.install(folder);
    const rows: Row[] = [];
    for (const part of parts) rows.push(...(await PARTS[part]!(probe)));
    process.stdout.write(`${cpus()[0]!.model}, ${cpus().length} cores\n\n${table(["", "measured", "aim"], rows)}\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Row = readonly [what: string, measured: string, aim: string];

/** A VS Code with a new profile for each part, so that none meets what another left behind. */
async function inNewWindow<Result>(
  probe: Probe,
  measure: (workbench: Workbench, probe: Probe) => Promise<Result>,
): Promise<Result> {
  note(measure.name);
  probe.forget();
  const { extensionsFolder } = probe;
  // Pictures that last, and none that nobody has asked for.
  const settings = { "sana.modelPath": "quality", "sana.livePreview": "off" };
  const workbench = await openWorkbench({ files: { "note.md": "# A note\n\n" }, settings, extensionsFolder });
  try {
    return await measure(workbench, probe);
  } finally {
    await workbench.close();
  }
}

async function activationInNewHosts(probe: Probe): Promise<Row[]> {
  const times: Activation[] = [];
  while (times.length < HOSTS) times.push(await inNewWindow(probe, measureActivation));
  const of = (part: (time: Activation) => number): string => `${range(times.map(part))} ms`;
  return [
    ["activation (loading the code and `activate`)", of(({ sana }) => sana.loading + sana.activating), "≤ 30 ms"],
    ["of it, loading the code", of(({ sana }) => sana.loading), ""],
    ["an extension that does nothing, in the same hosts", of(({ empty }) => empty.loading + empty.activating), ""],
  ];
}

async function measureStart(workbench: Workbench, probe: Probe): Promise<Row[]> {
  const work = await measureWorkBeforeUse(workbench, probe);
  return [["work before the first use", work, "no process, no file, nothing but its own code"]];
}

/** Uncompressed, as they are installed. */
function sizes({ sanaFolder }: Probe): Row[] {
  const kilobytes = (...names: readonly string[]): string => {
    const bytes = names.map((name) => statSync(join(sanaFolder, "dist", name)).size);
    return `${Math.ceil(bytes.reduce((sum, size) => sum + size, 0) / 1000)} KB`;
  };
  return [
    ["the extension's code that activation loads", kilobytes("extension.cjs"), ""],
    ["the extension's code with what it loads later", kilobytes("extension.cjs", "language-client.cjs"), "≤ 400 KB"],
    ["the panel's code and style", kilobytes("webview.js", "webview.css"), "≤ 300 KB"],
  ];
}

async function openingInNewProfiles(probe: Probe): Promise<Row[]> {
  const panel: { first: number[]; second: number[]; later: number[] } = { first: [], second: [], later: [] };
  const empty: { first: number[]; later: number[] } = { first: [], later: [] };
  for (let profile = 0; profile < PROFILES; profile++) {
    panel.first.push(await inNewWindow(probe, openPanelFirst));
    const { opened, later } = await inNewWindow(probe, openEmptyWebviewFirst);
    empty.first.push(opened[0]);
    panel.second.push(opened[1]);
    panel.later.push(...later.map((pair) => pair.panel));
    empty.later.push(...later.map((pair) => pair.empty));
  }
  const what = "command → text field takes letters";
  return [
    [`${what}: the panel, the first webview of a new browser profile`, `${range(panel.first)} ms`, "≤ 1000 ms"],
    ["the same: an empty webview, the first of a new browser profile", `${range(empty.first)} ms`, ""],
    ["the same: the panel's first time, after that empty webview", `${range(panel.second)} ms`, "≤ 1000 ms"],
    ["the same: the panel, later times", `${range(panel.later)} ms`, "≤ 1000 ms"],
    ["the same: the empty webview, later times", `${range(empty.later)} ms`, ""],
  ];
}

async function openPanelFirst({ page, browser }: Workbench, probe: Probe): Promise<number> {
  await watchPanel(browser);
  await probe.quietWindow();
  return openPanelOnce(page);
}

async function openEmptyWebviewFirst({ page, browser }: Workbench, probe: Probe) {
  await watchPanel(browser);
  await probe.quietWindow();
  const opened = [await openEmptyWebviewOnce(page), await openPanelOnce(page)] as const;
  const later: { panel: number; empty: number }[] = [];
  while (later.length < LATER_OPENINGS) {
    later.push({ panel: await openPanelOnce(page), empty: await openEmptyWebviewOnce(page) });
  }
  return { opened, later };
}

async function measurePictures(workbench: Workbench, probe: Probe): Promise<Row[]> {
  await watchPanel(workbench.browser);
  const { shownAfter, step } = await measureFirstPreview(workbench, probe);
  const { idle, generating } = await measureTyping(workbench, probe);
  const eventLoop = ({ eventLoop: { p50, p99, max } }: Smoothness): string =>
    `${p50.toFixed(1)}, ${p99.toFixed(1)}, ${max.toFixed(1)} ms`;
  const name = "delay of the extension host's event loop (median, p99, most)";
  return [
    ["end of step 1 → its preview is on the screen", `${shownAfter} ms (a step: ${step} ms)`, "≤ 1 step"],
    [`${name} while pictures are made`, eventLoop(generating), "p99 ≤ 20 ms"],
    [`${name} while none are made`, eventLoop(idle), ""],
    ["key → letter painted, while pictures are made", `${range(generating.keystrokes)} ms`, ""],
    ["key → letter painted, while none are made", `${range(idle.keystrokes)} ms`, ""],
  ];
}

async function measureGrowth(workbench: Workbench, probe: Probe): Promise<Row[]> {
  const [before, one, hundred] = await measureMemory(workbench, probe);
  const megabytes = (from: number, to: number): string => `${((to - from) / 1e6).toFixed(1)} MB`;
  return [
    ["memory of the extension host, growth over 100 pictures (heap)", megabytes(one!.used, hundred!.used), "< 30 MB"],
    ["the same, with the first picture", megabytes(before!.used, hundred!.used), "< 30 MB"],
    ["resident memory, with the first picture", megabytes(before!.resident, hundred!.resident), ""],
  ];
}

void main();
