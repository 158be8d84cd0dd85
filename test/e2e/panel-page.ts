import type { FrameLocator, Locator, Page } from "playwright-core";
import { runCommand } from "./workbench";

/** A picture with a cold start beside other work on two cores; what takes longer hangs. */
export const PICTURE_MS = 180_000;

/** The page of the panel, whether it is there already or not. */
export function panelOf(page: Page): FrameLocator {
  return page
    .frameLocator('iframe.webview.ready[src*="extensionId=sana-vscode.sana"]')
    .frameLocator("iframe#active-frame");
}

/** Opens the panel and waits until it knows the models. */
export async function openPanel(page: Page): Promise<FrameLocator> {
  await runCommand(page, "Sana: Generate Image");
  const panel = panelOf(page);
  await panel.locator(".shapes label").first().waitFor();
  return panel;
}

/** Chooses the bundled model of many steps. */
export async function chooseQuality(panel: FrameLocator): Promise<void> {
  await panel.getByRole("radio", { name: "Quality", exact: true }).check();
}

/** Fills fields of the form, those among "More settings" too: label → value. */
export async function fillForm(panel: FrameLocator, values: Readonly<Record<string, string>>): Promise<void> {
  const more = panel.locator("details.more");
  if (!(await more.evaluate((details) => (details as { open?: boolean }).open === true))) {
    await more.locator("summary").click();
  }
  for (const [label, value] of Object.entries(values)) await fieldOf(panel, label).fill(value);
}

/** A field of the form; the toolkit's elements have their label twice. */
export function fieldOf(panel: FrameLocator, label: string): Locator {
  return panel.locator("input").and(panel.getByLabel(label, { exact: true }));
}

export function promptOf(panel: FrameLocator): Locator {
  return panel.locator("textarea").first();
}

/** Writes the prompt and asks for pictures by the keyboard. */
export async function ask(panel: FrameLocator, prompt: string): Promise<void> {
  await promptOf(panel).fill(prompt);
  await promptOf(panel).press("ControlOrMeta+Enter");
}

/** The pictures of the strip, the newest first; jobs are not among them. */
export function pictures(panel: FrameLocator): Locator {
  return panel.locator('.tile[draggable="true"]');
}

/** The jobs of the strip in the order in which they will be made. */
export function jobs(panel: FrameLocator): Locator {
  return panel.locator('.tile[draggable="false"]');
}

/** Waits until the strip holds at least so many pictures. */
export async function pictureCount(panel: FrameLocator, count: number): Promise<void> {
  await pictures(panel)
    .nth(count - 1)
    .waitFor({ timeout: PICTURE_MS });
}

export function buttonOf(panel: FrameLocator, name: string): Locator {
  return panel.getByRole("button", { name, exact: true });
}
