import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Page } from "playwright-core";
import { illustrate } from "./illustrate-command";
import { missingParts } from "./missing-parts";
import { isAlive, parentOf, sidecars } from "./processes";
import { until } from "./until";
import { openFile, openWorkbench, runCommand, type Workbench } from "./workbench";

// Long enough to be met in the middle, short enough to be waited for.
const SETTINGS = { "sana.modelPath": "quality", "sana.defaults": { steps: 100, width: 256, height: 256 } };

describe("the sidecar's life in a real VS Code", { skip: missingParts() }, () => {
  let workbench: Workbench;
  let page: Page;
  before(async () => {
    workbench = await openWorkbench({ files: { "note.md": "# A red fox\n" }, settings: SETTINGS });
    page = workbench.page;
    await openFile(page, "note.md");
  });
  after(() => workbench.close());

  it("begins with the first picture, not with the window", async () => {
    await page.locator(".statusbar-item", { hasText: "Sana" }).waitFor();
    assert.deepEqual(sidecars(workbench), []);
    await illustrate(page, "a red fox");
    await page.locator(".view-lines", { hasText: "](a-red-fox.png)" }).waitFor();
    assert.ok(sidecars(workbench).length > 0);
  });

  it("goes on after a crash, which is told once, with what was pending rejected", async () => {
    await illustrate(page, "a red fox");
    await page.locator(".statusbar-item", { hasText: /Sana \d+\/100/ }).waitFor();
    const [first] = sidecars(workbench);
    process.kill(first!, "SIGKILL");
    const crash = page.locator(".notification-toast", {
      hasText: "Sana's sidecar ended unexpectedly and was started again.",
    });
    await crash.waitFor();
    for (const action of ["Restart", "Show Log"]) await crash.locator("a.monaco-button", { hasText: action }).waitFor();
    await page
      .locator(".notification-toast", { hasText: "ended before the picture was ready. Try again. (killed by SIGKILL)" })
      .waitFor();
    assert.equal(await crash.count(), 1);
    await runCommand(page, "Notifications: Clear All Notifications");
    assert.equal(await page.locator(".view-lines .view-line", { hasText: "](" }).count(), 1);

    await illustrate(page, "a red fox");
    await page.locator(".view-lines", { hasText: "](a-red-fox-2.png)" }).waitFor();
  });

  it("ends with the extension host, however that ends", async () => {
    await illustrate(page, "a red fox");
    await page.locator(".statusbar-item", { hasText: /Sana \d+\/100/ }).waitFor();
    const running = sidecars(workbench);
    assert.ok(running.length > 0);
    process.kill(parentOf(running[0]!), "SIGKILL");
    // It looks for its parent twice a second and finishes a file that it is writing.
    await until(() => running.every((pid) => !isAlive(pid)), 10_000);
  });
});
