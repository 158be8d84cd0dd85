import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { FrameLocator, Page } from "playwright-core";
import { PNG } from "pngjs";
import { missingParts } from "./missing-parts";
import {
  ask,
  buttonOf,
  chooseQuality,
  fillForm,
  jobs,
  openPanel,
  pictureCount,
  pictures,
  promptOf,
} from "./panel-page";
import { sidecars } from "./processes";
import { openAtEnd, openDocument, savedText } from "./text-editor";
import { until } from "./until";
import { openFile, openWorkbench, runCommand, type Workbench } from "./workbench";

// A folder that nobody may write to, not even an administrator.
const SEALED = "/sys/kernel";
const CRASHES = 20;
const SETTINGS = {
  "sana.livePreview": "off",
  "workbench.editor.enablePreview": false,
  "markdown.copyFiles.destination": { "sealed.md": "sealed/" },
};

describe("the panel when things go wrong", { skip: missingParts() }, () => {
  let workbench: Workbench;
  let page: Page;
  let panel: FrameLocator;
  before(async () => {
    // Something beside the panel in which no cursor can be.
    const picture = PNG.sync.write(new PNG({ width: 4, height: 4 }));
    const files = { "plain.png": picture, "note.md": "# A\n", "closed.md": "# B\n\n", "sealed.md": "# C\n" };
    workbench = await openWorkbench({ files, settings: SETTINGS });
    symlinkSync(SEALED, join(workbench.folder, "sealed"));
    page = workbench.page;
    await workbench.browser.addInitScript(sharePageApi);
    await openFile(page, "plain.png");
    panel = await openPanel(page);
    await chooseQuality(panel);
    await fillForm(panel, { Width: "128", Height: "128", Steps: "1" });
    await ask(panel, "a red fox");
    await pictureCount(panel, 1);
  });
  after(() => workbench.close());

  it("ignores messages of wrong shape, in both directions, and says so in the log", async () => {
    const warnings = (): number => log(workbench).split("was not understood and is ignored").length - 1;
    const wrong = [
      null,
      "generate",
      { type: "run", command: "workbench.action.quit" },
      { type: "picture", id: "../../note", action: "delete" },
      { type: "generate", form: { prompt: "a red fox", output: "/etc/passwd" } },
      { type: "picture", id: "1", action: "saveAs", path: "/etc/passwd" },
    ];
    const before = warnings();
    for (const message of wrong) await sayToExtension(panel, message);
    await until(() => warnings() - before === wrong.length, 30_000);
    await panel.locator("body").evaluate(`(() => {
      for (const message of [{ type: "edit", form: { prompt: "<b>", extra: 1 } }, { type: "pictures", pictures: "all" }, 7])
        window.postMessage(message, origin);
    })()`);
    // A message of the right shape comes through on the same way, after them.
    await sayToExtension(panel, { type: "picture", id: await selectedId(panel), action: "copyMarkdown" });
    await panel.getByText("Copied the Markdown for").waitFor();
    assert.equal(await promptOf(panel).inputValue(), "a red fox");
    assert.equal(await pictures(panel).count(), 1);
    assert.equal(await jobs(panel).count(), 0);
  });

  it("inserts where the cursor was in a document that was closed while the picture was made", async () => {
    await openAtEnd(page, "closed.md", 3);
    await ask(panel, "a green tree");
    await openDocument(page, "closed.md");
    await runCommand(page, "View: Close Editor");
    await pictureCount(panel, 2);
    await buttonOf(panel, "Insert").click();
    await page.locator(".tab", { hasText: "closed.md" }).waitFor();
    await panel.getByText("Inserted", { exact: true }).waitFor();
    assert.equal(await savedText(page, "closed.md", workbench.folder), "# B\n\n![a green tree](a-green-tree.png)");
  });

  it("leaves a document alone whose folder for pictures is read-only, and says why", async () => {
    await openDocument(page, "sealed.md");
    await buttonOf(panel, "Insert").click();
    const toast = page.locator(".notification-toast", { hasText: /could not be inserted: E\w+: .*\/sealed\// });
    await toast.locator("a.monaco-button", { hasText: "Show the Picture" }).waitFor();
    await runCommand(page, "Notifications: Clear All Notifications");
    assert.equal(await savedText(page, "sealed.md", workbench.folder), "# C\n");
  });

  it("says so when a picture's file is gone, changes nothing, and lets it be taken away", async () => {
    await openDocument(page, "note.md");
    const folder = pictureFolder(workbench);
    const id = await selectedId(panel);
    rmSync(join(folder, `${id}.png`));
    await buttonOf(panel, "Insert").click();
    await page.locator(".notification-toast", { hasText: "The picture's file is not there any more" }).waitFor();
    await runCommand(page, "Notifications: Clear All Notifications");
    assert.equal(await savedText(page, "note.md", workbench.folder), "# A\n");
    await buttonOf(panel, "Delete").click();
    await until(async () => (await pictures(panel).count()) === 1, 30_000);
  });

  it(`loses nothing when the sidecar is killed at ${CRASHES} moments, and makes the picture in the end`, async () => {
    const before = await pictures(panel).count();
    // Longer than the last moment of a kill on a fast machine, and not much longer than that on a slow one.
    await fillForm(panel, { Width: "512", Height: "512", Steps: "60", Seed: "5" });
    await ask(panel, "a purple umbrella");
    await panel.locator(".tile .badge", { hasText: "%" }).waitFor();
    const failed = panel.locator(".tile.stopped .badge", { hasText: "Failed" });
    for (let crash = 0; crash < CRASHES; crash += 1) {
      await until(() => sidecars(workbench).length > 0, 30_000);
      await sleep(momentOf(crash));
      // It has ended by itself if its start was hit the last time.
      for (const pid of sidecars(workbench).slice(0, 1)) process.kill(pid, "SIGKILL");
      await failed.waitFor();
      assert.equal(await pictures(panel).count(), before);
      assert.equal(await promptOf(panel).inputValue(), "a purple umbrella");
      await buttonOf(panel, "Try Again").click();
      await failed.waitFor({ state: "detached" });
    }
    await pictureCount(panel, before + 1);
    await panel.getByText("seed 5", { exact: false }).waitFor();
    await until(async () => (await jobs(panel).count()) === 0, 30_000);
    const left = readdirSync(pictureFolder(workbench)).filter((name) => !/^[\w-]+\.(png|json)$/.test(name));
    assert.deepEqual(left, [], "no file is half written");
  });
});

/** Milliseconds from the start of the process, spread over its start, loading and steps; the same in every run. */
function momentOf(crash: number): number {
  return ((crash + 1) * 389) % 2000;
}

/** Lets a test use what the panel's page speaks to the extension with; VS Code hands it out once. */
function sharePageApi(): void {
  const scope = globalThis as unknown as { pageApi?: unknown };
  let acquire: (() => unknown) | undefined;
  Object.defineProperty(globalThis, "acquireVsCodeApi", {
    configurable: true,
    set: (original: () => unknown) => {
      acquire = original;
    },
    get: () => acquire && (() => (scope.pageApi ??= acquire!())),
  });
}

/** Speaks to the extension as the page does, past the page's own code. */
async function sayToExtension(panel: FrameLocator, message: unknown): Promise<void> {
  await panel.locator("body").evaluate(`pageApi.postMessage(${JSON.stringify(message)})`);
}

async function selectedId(panel: FrameLocator): Promise<string> {
  const src = (await panel.locator(".canvas img").getAttribute("src"))!;
  return /([\w-]+)\.png$/.exec(new URL(src).pathname)![1]!;
}

function pictureFolder(workbench: Workbench): string {
  const storage = join(workbench.folder, "..", "data", "User", "workspaceStorage");
  const name = readdirSync(storage, { recursive: true })
    .map(String)
    .find((entry) => entry.endsWith("sana-vscode.sana/pictures"));
  return join(storage, name!);
}

function log(workbench: Workbench): string {
  const folder = join(workbench.folder, "..", "data", "logs");
  const name = readdirSync(folder, { recursive: true })
    .map(String)
    .find((entry) => entry.endsWith("Sana.log"));
  return name === undefined ? "" : readFileSync(join(folder, name), "utf8");
}
