import type { Page } from "playwright-core";
import { gesture, GESTURE_MS } from "../../e2e/gestures";
import { panelOf, promptOf } from "../../e2e/panel-page";
import { runCommand } from "../../e2e/workbench";
import { sighting } from "./panel-watch";
import { range } from "./range";

const OPENINGS = 7;

/** From Enter in the command palette until the prompt field of the panel has the focus and takes what is typed. */
export async function measurePanelOpening(page: Page): Promise<{ first: string; later: string }> {
  const times: number[] = [];
  for (let opening = 0; opening < OPENINGS; opening++) {
    const start = await enterCommand(page, "Sana: Generate Image");
    const panel = panelOf(page);
    times.push((await sighting(panel, "focused")) - start);
    const letters = `fox ${opening}`;
    await page.keyboard.type(letters);
    if (!(await promptOf(panel).inputValue()).endsWith(letters)) throw new Error("the prompt field lost letters");
    await runCommand(page, "View: Close All Editors");
    await page.locator("iframe.webview").waitFor({ state: "detached" });
  }
  return { first: `${Math.round(times[0]!)} ms`, later: `${range(times.slice(1))} ms` };
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
