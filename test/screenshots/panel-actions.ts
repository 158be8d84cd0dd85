import { setTimeout as sleep } from "node:timers/promises";
import type { Frame, Page } from "playwright-core";
import { panelFrame, promptField } from "../e2e/panel-frame";
import { runCommand } from "../e2e/workbench";

/** What is written and chosen for a picture. */
export interface Wish {
  readonly prompt: string;
  readonly seed: number;
  /** As the panel calls it. */
  readonly style?: string;
}

/** Opens the panel and waits until it knows the models. */
export async function openPanel(page: Page): Promise<Frame> {
  await runCommand(page, "Sana: Generate Image");
  const frame = await panelFrame(page);
  await frame.getByRole("radio").first().waitFor({ state: "attached" });
  return frame;
}

/** Fills in everything but the prompt. */
export async function prepare(frame: Frame, { seed, style = "None" }: Wish): Promise<void> {
  const styles = frame.locator('vscode-dropdown[aria-label="Style"]');
  await styles.click();
  await styles.locator("vscode-option", { hasText: style }).click();
  await frame.locator("vscode-text-field", { hasText: "Seed" }).locator("input").fill(String(seed));
}

/** Asks for a picture. */
export async function ask(frame: Frame, wish: Wish): Promise<void> {
  await prepare(frame, wish);
  const prompt = promptField(frame);
  await prompt.fill(wish.prompt);
  await prompt.press("ControlOrMeta+Enter");
}

/** Asks for a picture and waits until it is in the strip. */
export async function draw(frame: Frame, wish: Wish): Promise<void> {
  const before = await finished(frame);
  await ask(frame, wish);
  while ((await finished(frame)) === before) await sleep(100);
}

/** How many pictures are in the strip; a running one does not count. */
function finished(frame: Frame): Promise<number> {
  return frame.locator(".tile img[src*='/pictures/']").count();
}
