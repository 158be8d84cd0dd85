import type { FrameLocator } from "playwright-core";
import { ask, fillForm, pictureCount, pictures } from "../e2e/panel-page";

/** What is written and chosen for a picture. */
export interface Wish {
  readonly prompt: string;
  readonly seed: number;
  /** As the panel calls it. */
  readonly style?: string;
}

/** Asks for a picture. */
export async function wish(panel: FrameLocator, { prompt, seed, style = "None" }: Wish): Promise<void> {
  const styles = panel.locator('vscode-dropdown[aria-label="Style"]');
  await styles.click();
  await styles.getByRole("option", { name: style, exact: true }).click();
  await fillForm(panel, { Seed: String(seed) });
  await ask(panel, prompt);
}

/** Asks for a picture and waits until it is in the strip. */
export async function draw(panel: FrameLocator, wanted: Wish): Promise<void> {
  const before = await pictures(panel).count();
  await wish(panel, wanted);
  await pictureCount(panel, before + 1);
}
