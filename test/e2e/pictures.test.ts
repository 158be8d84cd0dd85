import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Locator, Page } from "playwright-core";
import { PNG } from "pngjs";
import { chooseInSubmenu, closeOverlays, menuItem, openContextMenu } from "./gestures";
import { illustrate } from "./illustrate-command";
import { missingParts } from "./missing-parts";
import { until } from "./until";
import { openFile, openWorkbench, type Workbench } from "./workbench";

const SETTINGS = { "sana.defaults": { steps: 2, width: 256, height: 128 } };

describe("pictures of the explorer in a real VS Code", { skip: missingParts() }, () => {
  let workbench: Workbench;
  let page: Page;
  before(async () => {
    const files = { "note.md": "# A red fox\n", "plain.png": PNG.sync.write(new PNG({ width: 4, height: 4 })) };
    workbench = await openWorkbench({ files, settings: SETTINGS });
    page = workbench.page;
    await openFile(page, "note.md");
    await illustrate(page);
    await row(page, "a-red-fox.png").waitFor();
  });
  after(() => workbench.close());
  beforeEach(() => closeOverlays(page));

  it("say what they were made with", async () => {
    await choose(page, "a-red-fox.png", "Show Parameters");
    const rows = page.locator(".quick-input-list .monaco-list-row");
    await rows.first().waitFor();
    const texts = (await rows.allInnerTexts()).map((text) => text.replaceAll(/\s+/g, ""));
    assert.equal(texts[0], "AredfoxPrompt");
    for (const text of ["256Width", "128Height", "2Steps"]) assert.ok(texts.includes(text), texts.join("; "));
  });

  it("are made again with a new seed, beside the first", async () => {
    await choose(page, "a-red-fox.png", "Regenerate");
    await page.locator(".quick-input-list .monaco-list-row", { hasText: "Another picture" }).click();
    // The sidecar is warm; on two busy cores a picture of two steps takes seconds.
    await until(() => existsSync(join(workbench.folder, "a-red-fox-2.png")), 60_000);
    await page.locator(".tab.active", { hasText: "a-red-fox-2.png" }).waitFor();
  });

  it("are what the panel starts from where that is wanted", async () => {
    await choose(page, "a-red-fox.png", "Use as Starting Image");
    const panel = page
      .frameLocator('iframe.webview.ready[src*="extensionId=sana-vscode.sana"]')
      .frameLocator("#active-frame");
    await panel.getByText("a-red-fox.png").first().waitFor({ state: "attached" });
  });

  it("of other programs are told apart, and other files have no such menu", async () => {
    await choose(page, "plain.png", "Show Parameters");
    await page.locator(".notification-toast", { hasText: "plain.png does not say how it was made" }).waitFor();
    await openContextMenu(page, row(page, "note.md"));
    assert.equal(await menuItem(page, "Sana").count(), 0);
  });
});

function row(page: Page, file: string): Locator {
  return page.locator(".explorer-folders-view .monaco-list-row", { hasText: file }).first();
}

async function choose(page: Page, file: string, title: string): Promise<void> {
  await chooseInSubmenu(page, row(page, file), "Sana", title);
}
