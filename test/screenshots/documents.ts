import { setTimeout as sleep } from "node:timers/promises";
import type { Page } from "playwright-core";
import { menuItem, openContextMenu } from "../e2e/gestures";
import { illustrate } from "../e2e/illustrate-command";
import { openFile, runCommand } from "../e2e/workbench";
import { around, openStage, shoot, type Screenshot } from "./stage";

const PROMPT = "a fox in the snow";
// A preview on two busy cores; what takes longer hangs.
const TIMEOUT_MS = 60_000;

/** The menu by which a document is illustrated, and the illustrated document with its preview beside it. */
export async function showDocuments(): Promise<Screenshot[]> {
  const workbench = await openStage({ width: 1180, height: 640, scale: 1.5 });
  try {
    const { page } = workbench;
    await openFile(page, "story.md");
    await runCommand(page, "View: Close Primary Side Bar");
    const menu = await showMenu(page);
    await page.locator(".view-line", { hasText: "red fox" }).click();
    await illustrate(page, PROMPT);
    await page.locator(".view-lines", { hasText: "](" }).waitFor();
    await page.keyboard.press("ControlOrMeta+Home");
    await runCommand(page, "Markdown: Open Preview to the Side");
    await previewShows(page, PROMPT);
    const groups = page.locator(".editor-group-container");
    return [menu, await shoot(page, "document.png", await around(groups.first(), groups.last()))];
  } finally {
    await workbench.close();
  }
}

async function showMenu(page: Page): Promise<Screenshot> {
  await openContextMenu(page, page.locator(".view-line", { hasText: "red fox" }));
  const entry = menuItem(page, "Illustrate Selection");
  await entry.hover();
  const editor = await around(page.locator(".editor-group-container"));
  const menu = await around(page.locator(".monaco-menu"));
  const margin = 16;
  const size = { width: menu.x + menu.width + margin - editor.x, height: menu.y + menu.height + margin - editor.y };
  const shot = await shoot(page, "menu.png", { ...editor, ...size });
  await page.keyboard.press("Escape");
  return shot;
}

/** Waits until a preview of Markdown shows the picture with that alternative text. */
async function previewShows(page: Page, alt: string): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  const shown = `[...document.images].some((image) => image.alt === ${JSON.stringify(alt)} && image.naturalWidth > 0)`;
  for (;;) {
    const answers = await Promise.all(page.frames().map((frame) => frame.evaluate(shown).catch(() => false)));
    if (answers.includes(true)) return;
    if (Date.now() > deadline) throw new Error("the preview does not show the picture");
    await sleep(100);
  }
}
