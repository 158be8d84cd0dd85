import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { missingParts } from "./missing-parts";
import { openFile, openWorkbench, runCommand, type Workbench } from "./workbench";

describe("the packaged extension in a real VS Code", { skip: missingParts() }, () => {
  let workbench: Workbench;
  before(async () => {
    workbench = await openWorkbench({ files: { "note.md": "# A note\n" } });
  });
  after(() => workbench.close());

  it("offers its log in the palette and opens it", async () => {
    const { page } = workbench;
    await runCommand(page, "Sana: Show Log");
    await page.locator(".part.panel select option:checked", { hasText: "Sana" }).first().waitFor({ state: "attached" });
  });

  it("leaves the window as it is for who only writes", async () => {
    const { page } = workbench;
    await openFile(page, "note.md");
    await page.locator(".monaco-editor .view-line", { hasText: "A note" }).waitFor();
    assert.equal(await page.locator(".notification-toast").count(), 0);
  });

  it("asks nothing of any other machine", () => {
    assert.deepEqual(workbench.externalRequests, []);
  });
});
