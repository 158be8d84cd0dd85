import assert from "node:assert/strict";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Page } from "playwright-core";
import { illustrate } from "./illustrate-command";
import { missingParts } from "./missing-parts";
import { openFile, openWorkbench, runCommand, type Workbench } from "./workbench";

const SETTINGS = {
  "sana.defaults": { steps: 1, width: 128, height: 128 },
  "files.defaultLanguage": "markdown",
};
const NOTE = "# A red fox\n";

describe("where pictures go in a real VS Code", { skip: missingParts() }, () => {
  let workbench: Workbench;
  let page: Page;
  before(async () => {
    const files = {
      "notes/a.md": NOTE,
      "out/b.md": NOTE,
      "out/.vscode/settings.json": "{}",
      ".vscode/settings.json": JSON.stringify({
        "markdown.copyFiles.destination": { "notes/*.md": "/images/", "out/*.md": "../../outside/" },
      }),
    };
    workbench = await openWorkbench({ files, settings: SETTINGS });
    page = workbench.page;
  });
  after(() => workbench.close());

  it("follows markdown.copyFiles.destination", async () => {
    await openFile(page, "a.md");
    await illustrate(page);
    await page.locator(".view-lines", { hasText: "![A red fox](../images/a-red-fox.png)" }).waitFor();
    assert.ok(existsSync(join(workbench.folder, "images", "a-red-fox.png")));
  });

  it("does not let the workspace's settings lead out of it", async () => {
    await openFile(page, "b.md");
    await illustrate(page);
    const message = page.locator(".notification-toast", {
      hasText: "The workspace's settings lead outside the workspace",
    });
    await message.locator("a.monaco-button", { hasText: "Show the Picture" }).click();
    await page.locator(".tab.active", { hasText: ".png" }).waitFor();
    assert.ok(!existsSync(join(workbench.folder, "..", "outside")));
    await openFile(page, "b.md");
    assert.equal(await page.locator(".view-lines .view-line", { hasText: "](" }).count(), 0);
  });

  it("asks in a document without a file, and can use the picture's full path", async () => {
    await runCommand(page, "File: New Untitled Text File");
    await page.locator(".tab.active", { hasText: "Untitled-1" }).waitFor();
    await page.locator(".monaco-editor.focused").waitFor();
    await page.keyboard.insertText("A red fox");
    await illustrate(page);
    await page
      .locator(".monaco-dialog-box", { hasText: "The document has no file yet" })
      .getByText("Insert with Its Full Path")
      .click();
    await page.locator(".view-lines", { hasText: "![A red fox](file:///" }).waitFor();
  });
});

describe("where pictures go in a workspace without trust", { skip: missingParts() }, () => {
  let workbench: Workbench;
  let page: Page;
  before(async () => {
    const destination = { "**/*": "../outside/" };
    const files = {
      "a.md": NOTE,
      "deep/link.md": NOTE,
      ".vscode/settings.json": JSON.stringify({
        "sana.outputFolder": "../outside",
        "markdown.copyFiles.destination": destination,
      }),
    };
    workbench = await openWorkbench({
      files,
      settings: { ...SETTINGS, "sana.outputFolder": "pictures" },
      trusted: false,
    });
    page = workbench.page;
  });
  after(() => workbench.close());

  it("is where the user's own settings say, not the workspace's", async () => {
    await openFile(page, "a.md");
    await illustrate(page);
    await page.locator(".view-lines", { hasText: "![A red fox](pictures/a-red-fox.png)" }).waitFor();
    assert.ok(!existsSync(join(workbench.folder, "..", "outside")));
  });

  it("is not behind a link that leads outside", async () => {
    const outside = join(workbench.folder, "..", "outside");
    mkdirSync(outside);
    symlinkSync(outside, join(workbench.folder, "deep", "pictures"));
    await openFile(page, "link.md");
    await illustrate(page);
    await page.locator(".notification-toast", { hasText: "As long as the workspace is not trusted" }).waitFor();
    assert.ok(!existsSync(join(outside, "a-red-fox.png")));
  });
});
