import { runCommand } from "../e2e/workbench";
import { draw, openPanel, type Wish } from "./panel-actions";
import { around, openStage, shoot, type Screenshot } from "./stage";

const WISHES: readonly Wish[] = [
  { prompt: "a castle on a green meadow", seed: 1 },
  { prompt: "三只猫", seed: 1, style: "Cartoon" },
  { prompt: "a penguin on a pink background", seed: 1 },
  { prompt: "🚀 under a starry night sky", seed: 1 },
];

/** The panel with pictures, dark and light, and in the middle of a picture. */
export async function showPanel(): Promise<Screenshot[]> {
  const workbench = await openStage({ width: 1180, height: 820, scale: 1.5 });
  try {
    const { page } = workbench;
    await runCommand(page, "View: Close Primary Side Bar");
    const frame = await openPanel(page);
    for (const wish of WISHES) await draw(frame, wish);
    const clip = await around(page.locator(".editor-group-container"));
    const dark = await shoot(page, "panel-dark.png", clip);
    await runCommand(page, "Preferences: Toggle between Light/Dark Themes");
    await page.locator(".monaco-workbench.vs").waitFor();
    return [dark, await shoot(page, "panel-light.png", clip)];
  } finally {
    await workbench.close();
  }
}
