import type { FrameLocator, Page } from "playwright-core";
import { gesture, GESTURE_MS } from "../../e2e/gestures";
import { panelOf, promptOf } from "../../e2e/panel-page";
import { runCommand } from "../../e2e/workbench";
import { sighting } from "./panel-watch";

const LETTERS = "fox";

/** Milliseconds from Enter in the command palette until the panel's prompt field has the focus and takes letters. */
export async function openPanelOnce(page: Page): Promise<number> {
  return openOnce(page, "Sana: Generate Image", panelOf(page));
}

/** The same for the probe's webview, with nothing in it but a text field: VS Code's own part. */
export async function openEmptyWebviewOnce(page: Page): Promise<number> {
  const webview = page.frameLocator('iframe.webview.ready[src*="extensionId=sana-bench.probe"]');
  return openOnce(page, "Probe: Open Webview", webview.frameLocator("iframe#active-frame"));
}

/** Opens it, types into it, closes it. */
async function openOnce(page: Page, command: string, webview: FrameLocator): Promise<number> {
  const start = await enterCommand(page, command);
  const time = (await sighting(webview, "focused")) - start;
  await page.keyboard.type(LETTERS);
  if (!(await promptOf(webview).inputValue()).endsWith(LETTERS)) throw new Error("the text field lost letters");
  await runCommand(page, "View: Close All Editors");
  await page.locator("iframe.webview").waitFor({ state: "detached" });
  return time;
}

/** Returns the time of the keystroke. */
async function enterCommand(page: Page, title: string): Promise<number> {
  await gesture(page, async () => {
    await page.keyboard.press("F1");
    await page.locator(".quick-input-widget input.input").fill(`>${title}`, { timeout: GESTURE_MS });
    const focused = page.locator(".quick-input-list .monaco-list-row.focused");
    const label = page.locator(".label-name").getByText(title, { exact: true });
    await focused.filter({ has: label }).waitFor({ timeout: GESTURE_MS });
  });
  const now = Date.now();
  await page.keyboard.press("Enter");
  return now;
}
