import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { gesture, GESTURE_MS } from "./gestures";
import { missingParts } from "./missing-parts";
import { panelOf, PICTURE_MS, pictures } from "./panel-page";
import { until } from "./until";
import { openFile, openWorkbench, runCommand, type Workbench } from "./workbench";

describe("the packaged extension in a real VS Code", { skip: missingParts() }, () => {
  let workbench: Workbench;
  before(async () => {
    workbench = await openWorkbench({ files: { "note.md": "# A note\n" } });
  });
  after(() => workbench.close());

  it("offers its log in the palette and opens it", async () => {
    const { page } = workbench;
    // The first command of all: the log is created, and the extension activated, by this very command.
    const chosen = page.locator("option:checked", { hasText: "Sana" });
    await runCommand(page, "Sana: Show Log", page.locator(".part.panel select").filter({ has: chosen }).first());
  });

  it("leaves the window as it is for who only writes", async () => {
    const { page } = workbench;
    await openFile(page, "note.md");
    await page.locator(".monaco-editor .view-line", { hasText: "A note" }).waitFor();
    assert.equal(await page.locator(".notification-toast").count(), 0);
  });

  it("begins the first picture with two actions", async () => {
    const { page } = workbench;
    await gesture(page, async () => {
      await runCommand(page, "Welcome: Open Walkthrough...");
      const walkthrough = page.locator(".quick-input-list .monaco-list-row", { hasText: "Pictures with Sana" });
      await walkthrough.click({ timeout: GESTURE_MS });
    });
    // What a user sees after the installation; the pictures of its steps are in the package.
    await page.getByRole("button", { name: 'Try "an owl at night"' }).click();
    const panel = panelOf(page);
    const prompt = panel.getByRole("textbox", { name: "Prompt", exact: true });
    await prompt.waitFor();
    await until(async () => (await prompt.inputValue()) === "an owl under a starry night sky", 60_000);
    await panel.getByRole("button", { name: "Generate", exact: true }).click();
    // From a cold start.
    await pictures(panel).first().waitFor({ timeout: PICTURE_MS });
  });

  it("asks nothing of any other machine", () => {
    assert.deepEqual(workbench.externalRequests, []);
  });
});
