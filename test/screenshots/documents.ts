import { illustrate } from "../e2e/illustrate-command";
import { openFile, runCommand } from "../e2e/workbench";
import { around, openStage, shoot, type Screenshot } from "./stage";

/** A document that was illustrated, with its preview beside it, and the menu by which that is done. */
export async function showDocuments(): Promise<Screenshot[]> {
  const workbench = await openStage({ width: 1180, height: 720, scale: 1.5 });
  try {
    const { page } = workbench;
    await openFile(page, "story.md");
    await page.locator(".view-line", { hasText: "A red fox" }).first().click();
    await illustrate(page, "a red fox in the snow");
    await page.locator(".view-lines", { hasText: "](" }).waitFor();
    await runCommand(page, "Markdown: Open Preview to the Side");
    await page.waitForTimeout(3000);
    await runCommand(page, "View: Close Primary Side Bar");
    const clip = await around(page.locator(".split-view-container .editor-group-container").first());
    return [await shoot(page, "document.png", clip)];
  } finally {
    await workbench.close();
  }
}
