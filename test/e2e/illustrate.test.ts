import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Page } from "playwright-core";
import { closeOverlays, gesture, GESTURE_MS } from "./gestures";
import { acceptPrompt, askForPrompt, illustrate } from "./illustrate-command";
import { missingParts } from "./missing-parts";
import { until } from "./until";
import { openFile, openWorkbench, type Workbench } from "./workbench";

// Enough steps to be met in the middle of them.
const SETTINGS = { "sana.modelPath": "quality", "sana.defaults": { steps: 150, width: 256, height: 256 } };
// A picture with a cold start on two busy cores; what takes longer hangs.
const WAIT_MS = 90_000;
const NOTE = "# 雪地里的红狐 🦊\n\nIt sleeps a lot.\n\nLast words.\n";

describe("illustrations in a real VS Code", { skip: missingParts() }, () => {
  let workbench: Workbench;
  let page: Page;
  before(async () => {
    const files = {
      "note.md": NOTE,
      "images.md": "![a red fox](img/fox.png)\n",
      "long.md": "# A blue house\n\nText.\n",
    };
    workbench = await openWorkbench({ files, settings: SETTINGS });
    page = workbench.page;
  });
  after(() => workbench.close());
  beforeEach(() => closeOverlays(page));

  it("puts a picture of the section below it in one undo step, although the document changes meanwhile", async () => {
    await openFile(page, "note.md");
    assert.equal(await askForPrompt(page), "雪地里的红狐 🦊: It sleeps a lot. Last words.");
    await acceptPrompt(page, "雪地里的红狐 🦊");
    await page.locator(".monaco-editor .view-line").first().click();
    await page.keyboard.press("ControlOrMeta+Home");
    await page.keyboard.insertText("A line above\n\n");
    await page.locator(".view-lines", { hasText: "](" }).waitFor();
    assert.equal(
      await savedText(page, join(workbench.folder, "note.md"), "]("),
      `A line above\n\n# 雪地里的红狐 🦊\n\n![雪地里的红狐 🦊](${encodeURIComponent("雪地里的红狐")}.png)\n\nIt sleeps a lot.\n\nLast words.\n`,
    );
    assert.deepEqual(
      [...readFileSync(join(workbench.folder, "雪地里的红狐.png")).subarray(1, 4)],
      [...Buffer.from("PNG")],
    );
    await page.keyboard.press("ControlOrMeta+Z");
    assert.equal(await savedText(page, join(workbench.folder, "note.md"), "words.\n"), `A line above\n\n${NOTE}`);
  });

  it("leaves nothing behind when it is cancelled", async () => {
    await openFile(page, "long.md");
    await illustrate(page);
    await page.waitForFunction(PLACEHOLDER);
    const toast = page.locator(".notification-toast", { hasText: "making a picture" });
    await toast.locator("a.monaco-button", { hasText: "Cancel" }).click();
    await toast.waitFor({ state: "detached" });
    await page.waitForFunction(`!${PLACEHOLDER}`);
    await page.locator(".statusbar-item", { hasText: /^\s*Sana\s*$/ }).waitFor();
    assert.equal(await page.locator(".view-lines .view-line", { hasText: "](" }).count(), 0);
    assert.equal(readFileSync(join(workbench.folder, "long.md"), "utf8"), "# A blue house\n\nText.\n");
    assert.deepEqual(
      readdirSync(workbench.folder).filter((name) => name.includes("blue")),
      [],
    );
  });

  it("makes a picture that the document refers to and that has no file, where it is expected", async () => {
    await openFile(page, "images.md");
    await gesture(page, async () => {
      await page.locator(".monaco-editor .view-line").first().click({ timeout: GESTURE_MS });
      await page.keyboard.press("ControlOrMeta+.");
      const action = page.locator(".action-widget").getByText("Generate this image with Sana");
      await action.click({ timeout: GESTURE_MS });
      await action.waitFor({ state: "hidden", timeout: GESTURE_MS });
    });
    const file = join(workbench.folder, "img", "fox.png");
    await until(() => existsSync(file), WAIT_MS);
    assert.equal(readFileSync(join(workbench.folder, "images.md"), "utf8"), "![a red fox](img/fox.png)\n");
  });
});

/** Whether the text of a placeholder, which only exists as style, is on the screen. */
const PLACEHOLDER = `[...document.querySelectorAll(".view-lines span")].some((element) =>
  getComputedStyle(element, "::after").content.includes("🖼"))`;

/** Saves the document and returns the file's text as soon as that holds the part. */
async function savedText(page: Page, file: string, part: string): Promise<string> {
  await page.keyboard.press("ControlOrMeta+S");
  await page.locator(".tab.active:not(.dirty)").waitFor();
  await until(() => readFileSync(file, "utf8").includes(part), WAIT_MS);
  return readFileSync(file, "utf8");
}
