import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { FrameLocator, Locator, Page } from "playwright-core";
import { missingParts } from "./missing-parts";
import { ask, chooseQuality, fieldOf, fillForm, openPanel, panelOf, pictureCount, PICTURE_MS } from "./panel-page";
import { until } from "./until";
import { openWorkbench, type Workbench } from "./workbench";

describe("the panel's choice between the bundled models in a real VS Code", { skip: missingParts() }, () => {
  let workbench: Workbench;
  let page: Page;
  let panel: FrameLocator;
  before(async () => {
    workbench = await openWorkbench();
    page = workbench.page;
    panel = await openPanel(page);
  });
  after(() => workbench.close());

  it("begins with the fast one, whose pictures follow the typing and take two steps", async () => {
    assert.equal(await radio(panel, "Fast").isChecked(), true);
    await ask(panel, "a red fox");
    await pictureCount(panel, 1);
    await panel.getByText("steps 2", { exact: false }).waitFor();
    // The live preview is on, and waits for the last keystroke alone.
    await panel.locator("textarea").first().fill("a blue house");
    await panel.getByText("Generate makes this picture with all its steps").waitFor({ timeout: PICTURE_MS });
  });

  it("is made with one click, which brings the other model's own steps and negative prompt", async () => {
    await fillForm(panel, { Width: "256", Height: "256", Steps: "3" });
    await panel.getByText("This model knows no negative prompt.").waitFor();
    await chooseQuality(panel);
    assert.equal(await fieldOf(panel, "Steps").inputValue(), "");
    assert.equal(await fieldOf(panel, "Steps").getAttribute("placeholder"), "20");
    assert.equal(await fieldOf(panel, "Width").inputValue(), "256");
    await panel.getByText("This model knows no negative prompt.").waitFor({ state: "hidden" });
    await ask(panel, "a green tree");
    await pictureCount(panel, 2);
    await panel.getByText("steps 20", { exact: false }).waitFor();
  });

  it("is in the list of models by names that say how they differ", async () => {
    const list = panel.locator('vscode-dropdown[aria-label="Model"]');
    assert.deepEqual(await list.locator("vscode-option").allInnerTexts(), ["Fast (2 steps)", "Quality (20 steps)"]);
  });

  it("is there again after a reload", async () => {
    await page.reload();
    panel = panelOf(page);
    await until(() => radio(panel, "Quality").isChecked(), 60_000);
  });
});

function radio(panel: FrameLocator, name: string): Locator {
  return panel.getByRole("radio", { name, exact: true });
}
