import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { gesture, GESTURE_MS } from "./gestures";
import { openFile, runCommand } from "./workbench";

/** Opens a file of the workspace in the first group of editors, not in that of the panel. */
export async function openDocument(page: Page, name: string): Promise<void> {
  await runCommand(page, "View: Focus First Editor Group");
  await openFile(page, name);
}

/** Goes to the document of the workspace, saves it and returns the file's text. */
export async function savedText(page: Page, name: string, folder: string): Promise<string> {
  await openDocument(page, name);
  await gesture(page, async () => {
    await page.keyboard.press("ControlOrMeta+S");
    await page.locator(".tab.active:not(.dirty)", { hasText: name }).waitFor({ timeout: GESTURE_MS });
  });
  return readFileSync(join(folder, name), "utf8");
}

/** Opens a document of the workspace with the cursor at its end, which is in this line. */
export async function openAtEnd(page: Page, name: string, line: number): Promise<void> {
  await openDocument(page, name);
  await gesture(page, async () => {
    await page.keyboard.press("ControlOrMeta+End");
    await page.locator(".statusbar-item", { hasText: `Ln ${line}, ` }).waitFor({ timeout: GESTURE_MS });
  });
}
