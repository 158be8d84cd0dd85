import { chooseQuality, openPanel } from "../e2e/panel-page";
import { runCommand } from "../e2e/workbench";
import { draw, wish, type Wish } from "./panel-actions";
import { around, openStage, shoot, type Screenshot } from "./stage";

const FINISHED: readonly Wish[] = [
  { prompt: "a cute robot", seed: 1 },
  { prompt: "三只猫", seed: 1 },
  { prompt: "an owl under a starry night sky", seed: 1 },
];
const RUNNING: Wish = { prompt: "a penguin on a pink background", seed: 1 };

/** The panel with pictures in a dark theme, and in the middle of a picture in a light one. */
export async function showPanel(): Promise<Screenshot[]> {
  const workbench = await openStage({ width: 1180, height: 760, scale: 1.5 });
  try {
    const { page } = workbench;
    await runCommand(page, "View: Close Primary Side Bar");
    const panel = await openPanel(page);
    for (const picture of FINISHED) await draw(panel, picture);
    const clip = await around(page.locator(".editor-group-container"));
    const dark = await shoot(page, "panel-dark.png", clip);
    await runCommand(page, "Preferences: Toggle between Light/Dark Themes");
    await page.locator(".monaco-workbench.vs").waitFor();
    await chooseQuality(panel);
    await wish(panel, RUNNING);
    await panel.getByText(/^Step ([89]|1\d) of 20/).waitFor();
    return [dark, await shoot(page, "panel-light.png", clip)];
  } finally {
    await workbench.close();
  }
}
