import type { Page } from "playwright-core";
import { runCommand } from "./workbench";

/** Runs "Sana: Illustrate Selection" in the active editor and accepts the prompt, or the one that is given. */
export async function illustrate(page: Page, prompt?: string): Promise<void> {
  await runCommand(page, "Sana: Illustrate Selection");
  await page.locator(".quick-input-title", { hasText: "Sana: Illustrate" }).waitFor();
  if (prompt !== undefined) await page.locator(".quick-input-widget input.input").fill(prompt);
  await page.keyboard.press("Enter");
}
