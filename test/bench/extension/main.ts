// `npm run bench:extension`: what the packaged extension costs a real VS Code. Prints the table of README.md.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { missingParts } from "../../e2e/missing-parts";
import { openWorkbench, type Workbench } from "../../e2e/workbench";
import { note } from "../comparison";
import { table } from "../table";
import { measureActivation, measureWorkBeforeUse } from "./activation";
import { measureFirstPreview, measureMemory, measureTyping, type Smoothness } from "./generation";
import { measurePanelOpening } from "./panel-opening";
import { watchPanel } from "./panel-watch";
import { Probe } from "./probe-client";
import { range } from "./range";

const HOSTS = 7;

async function main(): Promise<void> {
  const missing = missingParts();
  if (missing !== false) throw new Error(missing);
  const folder = mkdtempSync(join(tmpdir(), "sana-bench-"));
  try {
    const probe = Probe.install(folder);
    const rows = [
      await activationInNewHosts(probe),
      ...(await inNewWindow(probe, measureStart)),
      ...sizes(probe),
      ...(await inNewWindow(probe, measureOpening)),
      ...(await inNewWindow(probe, measurePictures)),
      ...(await inNewWindow(probe, measureGrowth)),
    ];
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

async function activationInNewHosts(probe: Probe): Promise<Row> {
  const times: number[] = [];
  while (times.length < HOSTS) times.push(await inNewWindow(probe, measureActivation));
  return ["activation (loading the code and `activate`)", `${range(times)} ms`, "≤ 30 ms"];
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
    ["the extension's code", kilobytes("extension.cjs"), "≤ 400 KB"],
    ["the panel's code and style", kilobytes("webview.js", "webview.css"), "≤ 300 KB"],
  ];
}

async function measureOpening({ page, browser }: Workbench): Promise<Row[]> {
  await watchPanel(browser);
  await page.reload();
  const { first, later } = await measurePanelOpening(page);
  return [
    ["command → prompt field takes letters, first time in a new browser profile", first, "≤ 1000 ms"],
    ["the same, later times", later, "≤ 1000 ms"],
  ];
}

async function measurePictures(workbench: Workbench, probe: Probe): Promise<Row[]> {
  await watchPanel(workbench.browser);
  await workbench.page.reload();
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
