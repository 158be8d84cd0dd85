import type { Page } from "playwright-core";
import { runCommand } from "./workbench";

/** Runs "Sana: Illustrate Selection" in the active editor and accepts the prompt, or the one that is given. */
export async function illustrate(page: Page, prompt?: string): Promise<void> {
  const offered = await askForPrompt(page);
  await acceptPrompt(page, prompt ?? offered);
}

/** Runs "Sana: Illustrate Selection" in the active editor and returns the prompt that it offers. */
export async function askForPrompt(page: Page): Promise<string> {
  await runCommand(page, "Sana: Illustrate Selection");
  await title(page).waitFor();
  return page.locator(".quick-input-widget input.input").inputValue();
}

/** Accepts this prompt and returns when the editor has the keyboard again. */
export async function acceptPrompt(page: Page, prompt: string): Promise<void> {
  const input = page.locator(".quick-input-widget input.input");
  await input.fill(prompt);
  await input.press("Enter");
  await title(page).waitFor({ state: "hidden" });
}

function title(page: Page) {
  return page.locator(".quick-input-title", { hasText: "Sana: Illustrate" });
}
