import assert from "node:assert/strict";
import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Locator, Page } from "playwright-core";
import { gesture, GESTURE_MS } from "./gestures";
import { missingParts } from "./missing-parts";
import { until } from "./until";
import { openFile, openWorkbench, runCommand, type Workbench } from "./workbench";

const MANIFEST = "sana.assets.json";
// A picture with a cold start on two busy cores; what takes longer hangs.
const WAIT_MS = 90_000;
const SMALL = { steps: 2, width: 64, height: 64 };

/** A manifest with an asset a line. */
function manifest(assets: readonly object[], defaults: object = SMALL): string {
  const lines = assets.map((asset) => `    ${JSON.stringify(asset).replaceAll(/(?<=[:,])"/g, ' "')}`);
  return `// Comments and trailing commas are allowed.\n{ "defaults": ${JSON.stringify(defaults)},\n  "assets": [\n${lines.join(",\n")},\n  ] }\n`;
}

describe("workspace assets in a real VS Code", { skip: missingParts() }, () => {
  let workbench: Workbench;
  let page: Page;
  const path = (name: string): string => join(workbench.folder, name);
  /** Changes the file and waits for what it brings. A window that has just opened may not be watching files yet. */
  const write = (assets: readonly object[], sign: string, defaults?: object): Promise<void> =>
    gesture(page, async () => {
      writeFileSync(path(MANIFEST), manifest(assets, defaults));
      await problem(page, sign).waitFor({ timeout: GESTURE_MS });
    });
  before(async () => {
    const faulty = [
      { path: "fox.png", prompt: "a red fox" },
      { path: "cat.png", prompt: "a cat", sizes: [999] },
      { path: "../out.png", prompt: "x" },
      { path: "FOX.png", prompt: "x" },
    ];
    workbench = await openWorkbench({ files: { [MANIFEST]: manifest(faulty) } });
    page = workbench.page;
    await openFile(page, MANIFEST);
    await runCommand(page, "Problems: Focus on Problems View");
  });
  after(() => workbench.close());

  it("say what is wrong with the file, once, where it is", async () => {
    const missing = problem(page, "Missing: fox.png does not exist");
    await missing.waitFor();
    assert.match((await missing.innerText()).replaceAll(/\s+/g, " "), /\[Ln 4, Col 14\]/);
    await problem(page, "the size 999 of cat-999.png is wider than the picture, which has 64 pixels").waitFor();
    await problem(page, "FOX.png is made twice; each path must be unique").waitFor();
    await problem(page, "must be a path inside this file's folder").waitFor();
    // Those, that FOX.png does not exist either, and the row of the file.
    await until(async () => (await page.locator(".markers-panel .monaco-list-row").count()) === 6, WAIT_MS);
  });

  it("are completed as the schema says", async () => {
    const assets = [
      { path: "fox.png", prompt: "a red fox" },
      { path: "一只猫.png", prompt: "一只猫" },
    ];
    await write(assets, "Missing: 一只猫.png");
    await page.locator(".view-line", { hasText: "a red fox" }).click();
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.type(", ");
    await page.keyboard.press("Control+Space");
    await page.locator(".suggest-widget .monaco-list-row", { hasText: "guidanceScale" }).waitFor();
    await page.keyboard.press("Escape");
    await runCommand(page, "File: Revert File");
  });

  it("are made one by one from above their entry, and shown", async () => {
    await gesture(page, async () => {
      const lenses = lens(page, "Generate");
      // They come one by one.
      await lenses.nth(1).waitFor({ timeout: GESTURE_MS });
      await clickTopmost(page, lenses);
    });
    await until(() => existsSync(path("fox.png")), WAIT_MS);
    await problem(page, "Missing: fox.png").waitFor({ state: "detached" });
    await lens(page, "Open").waitFor();
    assert.ok(!existsSync(path("一只猫.png")));
    await page.locator(".view-line span", { hasText: "fox.png" }).last().hover();
    const picture = page.locator(".monaco-hover img").first();
    await picture.waitFor();
    await page.waitForFunction(`document.querySelector(".monaco-hover img").naturalWidth === 64`);
    await lens(page, "Open").click();
    await page.locator(".tab.active", { hasText: "fox.png" }).waitFor();
    await openFile(page, MANIFEST);
    await runCommand(page, "Notifications: Clear All Notifications");
  });

  it("are made together where they are missing or out of date", async () => {
    const before = statSync(path("fox.png")).mtimeMs;
    await runCommand(page, "Sana: Generate Workspace Assets");
    await toast(page, "Pictures made: 1.").waitFor();
    assert.ok(existsSync(path("一只猫.png")));
    assert.equal(statSync(path("fox.png")).mtimeMs, before);
    await problem(page, "一只猫.png").waitFor({ state: "detached" });

    const assets = [
      { path: "fox.png", prompt: "a blue fox" },
      { path: "一只猫.png", prompt: "一只猫" },
    ];
    await write(assets, "Out of date: it was made with other parameters");
    await runCommand(page, "Sana: Check Workspace Assets");
    const message = toast(page, "1 of 2 pictures are not up to date.");
    await message.locator("a.monaco-button", { hasText: "Generate" }).click();
    await until(() => statSync(path("fox.png")).mtimeMs !== before, WAIT_MS);
    await problem(page, "Out of date").waitFor({ state: "detached" });
    await runCommand(page, "Notifications: Clear All Notifications");
  });

  it("are reported where they cannot be made, without stopping the rest", async () => {
    writeFileSync(path("mine.png"), "not made by Sana");
    const assets = [
      { path: "mine.png", prompt: "x" },
      { path: "car.png", prompt: "a car" },
    ];
    await write(assets, "Not made by Sana: mine.png exists");
    await runCommand(page, "Sana: Generate Workspace Assets");
    const message = toast(page, "Pictures made: 1, failed: 1. mine.png: mine.png exists");
    await message.locator("a.monaco-button", { hasText: "Show Problems" }).click();
    await problem(page, "Failed: mine.png exists").waitFor();
    assert.ok(existsSync(path("car.png")));
    await runCommand(page, "Notifications: Clear All Notifications");
  });

  it("keep what is finished when they are cancelled", async () => {
    const names = ["one", "two", "three", "four", "five", "six"].map((name) => `${name}.png`);
    const assets = names.map((name) => ({ path: `many/${name}`, prompt: "a house" }));
    await write(assets, "Missing: many/one.png", { model: "quality", steps: 40, width: 256, height: 256 });
    await runCommand(page, "Sana: Generate Workspace Assets");
    await until(() => existsSync(path("many/one.png")), WAIT_MS);
    await toast(page, "making the pictures of the workspace").locator("a.monaco-button", { hasText: "Cancel" }).click();
    await toast(page, /Cancelled\. \d of 6 pictures were made; the next run makes the others\./).waitFor();
    const made = readdirSync(path("many"));
    assert.ok(made.includes("one.png") && made.length < names.length, made.join());
    assert.ok(!existsSync(path(".sana.assets.building")));
  });
});

describe("workspace assets in a workspace without trust", { skip: missingParts() }, () => {
  let workbench: Workbench;
  before(async () => {
    const assets = [
      { path: "fox.png", prompt: "a red fox" },
      { path: "cat.png", prompt: "a cat", model: "model" },
    ];
    workbench = await openWorkbench({ files: { [MANIFEST]: manifest(assets) }, trusted: false });
  });
  after(() => workbench.close());

  it("are made when the user has been asked, and with the user's own model alone", async () => {
    const { page, folder } = workbench;
    await runCommand(page, "Sana: Generate Workspace Assets");
    const question = page.locator(".monaco-dialog-box", { hasText: "Make the 2 pictures that its file asks for?" });
    await question.getByText("Generate", { exact: true }).click();
    await toast(
      page,
      "failed: 1. cat.png: it names a model's folder, which counts in trusted workspaces only",
    ).waitFor();
    assert.deepEqual([existsSync(join(folder, "fox.png")), existsSync(join(folder, "cat.png"))], [true, false]);
  });
});

/** Rows of the problems view; a text alone would be found whatever its case. */
function problem(page: Page, text: string): Locator {
  const exactly = new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return page.locator(".markers-panel .monaco-list-row", { hasText: exactly });
}

function lens(page: Page, title: string): Locator {
  return page.locator(".codelens-decoration a", { hasText: title });
}

/** Clicks the highest in the window: the order of lenses in the page is not that of the lines they stand above. */
async function clickTopmost(page: Page, lenses: Locator): Promise<void> {
  const boxes = await Promise.all((await lenses.all()).map((one) => one.boundingBox()));
  const [first] = boxes.filter((box) => box !== null).sort((a, b) => a.y - b.y);
  await page.mouse.click(first!.x + first!.width / 2, first!.y + first!.height / 2);
}

function toast(page: Page, text: string | RegExp): Locator {
  return page.locator(".notification-toast", { hasText: text });
}
