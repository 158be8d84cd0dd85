import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FrameLocator, Page } from "playwright-core";
import { PNG } from "pngjs";
import { missingParts } from "./missing-parts";
import {
  ask,
  buttonOf,
  chooseQuality,
  fieldOf,
  fillForm,
  jobs,
  openPanel,
  panelOf,
  PICTURE_MS,
  pictureCount,
  pictures,
  promptOf,
} from "./panel-page";
import { openAtEnd, openDocument, savedText } from "./text-editor";
import { until } from "./until";
import { openWorkbench, runCommand, type Workbench } from "./workbench";

const NOTE = "# 雪地里的红狐\n\nIt sleeps a lot.\n\n";
const PROMPT = "一只红狐 🦊";
const LINK = `![${PROMPT}](${encodeURIComponent("一只红狐")}.png)`;

describe("the panel in a real VS Code", { skip: missingParts() }, () => {
  let workbench: Workbench;
  let page: Page;
  let panel: FrameLocator;
  before(async () => {
    const files = { "note.md": NOTE, "page.html": "<p>\n</p>\n" };
    workbench = await openWorkbench({ files, settings: { "sana.livePreview": "off" } });
    page = workbench.page;
    await openAtEnd(page, "note.md", 5);
    panel = await openPanel(page);
    // Only its pictures take long enough to be met in the middle.
    await chooseQuality(panel);
    await fillForm(panel, { Width: "256", Height: "256", Steps: "6" });
  });
  after(() => workbench.close());

  it("goes from an input method's prompt through previews to a picture in the document and its preview", async () => {
    await promptOf(panel).focus();
    const devtools = await workbench.browser.newCDPSession(page);
    await devtools.send("Input.imeSetComposition", { text: "yizhihonghu", selectionStart: 11, selectionEnd: 11 });
    // While an input method composes, Enter is its own.
    await page.keyboard.press("ControlOrMeta+Enter");
    await devtools.send("Input.insertText", { text: PROMPT });
    assert.equal(await promptOf(panel).inputValue(), PROMPT);
    assert.equal(await jobs(panel).count(), 0);
    await page.keyboard.press("ControlOrMeta+Enter");
    const previews = await previewsUntilPicture(panel);
    assert.ok(previews.size >= 2, `${previews.size} previews of 6 steps`);

    await buttonOf(panel, "Insert").click();
    await panel.getByText("Inserted", { exact: true }).waitFor();
    await openDocument(page, "note.md");
    await runCommand(page, "Markdown: Open Preview to the Side");
    const shown = page
      .frameLocator('iframe.webview.ready[src*="vscode.markdown-language-features"]')
      .frameLocator("iframe#active-frame")
      .locator("img");
    await shown.waitFor();
    assertSamePicture(await shown.screenshot(), readFileSync(join(workbench.folder, "一只红狐.png")));
    await runCommand(page, "View: Close Editor");

    assert.equal(await savedText(page, "note.md", workbench.folder), NOTE + LINK);
    await page.keyboard.press("ControlOrMeta+Z");
    assert.equal(await savedText(page, "note.md", workbench.folder), NOTE);
  });

  it("is there again, with form and pictures, after it was hidden", async () => {
    panel = await openPanel(page);
    assert.equal(await promptOf(panel).inputValue(), PROMPT);
    await pictureCount(panel, 1);
    await buttonOf(panel, "Insert").waitFor();
  });

  it("queues pictures with their places, cancels one within its step and keeps its last preview, greyed", async () => {
    const before = await pictures(panel).count();
    // So many steps that the first one is surely still being made when it is cancelled.
    await fillForm(panel, { "Number of images": "3", Steps: "500" });
    await ask(panel, "two green apples");
    await panel.locator(".tile .badge", { hasText: "#2" }).waitFor();
    await panel.locator(".tile .badge", { hasText: "#1" }).waitFor();
    await panel.locator(".canvas img[src^='data:image/png']").waitFor({ timeout: PICTURE_MS });
    await panel
      .getByText(/^Step \d+ of 500$/)
      .first()
      .waitFor();
    await promptOf(panel).press("Escape");
    const stopped = panel.locator(".tile.stopped");
    await stopped.filter({ hasText: "Cancelled" }).locator("img").waitFor();
    assert.match(await stopped.locator("img").evaluate(styleOf), /grayscale\(1\)/);
    await buttonOf(panel, "Cancel All").click();
    await until(async () => (await stopped.count()) === 3, PICTURE_MS);
    assert.equal(await pictures(panel).count(), before);
    assert.equal(savedPictures(workbench).length, before);
  });

  it("does not show cancelled ones any longer than until the next picture, and makes several with seeds of their own", async () => {
    const before = await pictures(panel).count();
    await fillForm(panel, { "Number of images": "2", Steps: "1", Width: "128", Height: "128", Seed: "7" });
    await ask(panel, "two green apples");
    await pictureCount(panel, before + 2);
    assert.equal(await panel.locator(".tile.stopped").count(), 0);
    await until(async () => (await jobs(panel).count()) === 0, PICTURE_MS);
    await pictures(panel).first().click();
    await panel.getByText("seed 8", { exact: false }).waitFor();
  });

  it("copies Markdown and picture, uses parameters again and brings earlier prompts back", async () => {
    await buttonOf(panel, "Copy Markdown").click();
    await panel.getByText("Copied the Markdown for two-green-apples.png").waitFor();
    assert.equal(await clipboard(page, "text/plain"), "![two green apples](two-green-apples.png)");
    await buttonOf(panel, "Copy Image").click();
    await panel.getByText("Copied the picture").waitFor();
    assert.equal(await clipboard(page, "image/png"), "PNG");

    await fillForm(panel, { "Number of images": "1", Steps: "2", Seed: "99" });
    await promptOf(panel).fill("something else");
    await buttonOf(panel, "Seed Only").click();
    await until(async () => (await fieldOf(panel, "Seed").inputValue()) === "8", 10_000);
    assert.equal(await promptOf(panel).inputValue(), "something else");
    await buttonOf(panel, "All").click();
    await until(async () => (await promptOf(panel).inputValue()) === "two green apples", 10_000);
    assert.equal(await fieldOf(panel, "Steps").inputValue(), "1");

    await buttonOf(panel, "Earlier prompts").click();
    await page.locator(".quick-input-list .monaco-list-row", { hasText: PROMPT }).click();
    await until(async () => (await promptOf(panel).inputValue()) === PROMPT, 10_000);
  });

  it("makes variations of a picture and takes one as a start", async () => {
    const before = await pictures(panel).count();
    await buttonOf(panel, "As Start Picture").click();
    await panel.locator(".start-image .name", { hasText: "two green apples" }).waitFor();
    await fillForm(panel, { "Strength: how much is redrawn": "0.5" });
    await buttonOf(panel, "Do not start from this picture").click();
    await buttonOf(panel, "Variations").click();
    await pictureCount(panel, before + 3);
  });

  it("drops the link that fits where a picture is dragged to", async () => {
    await openDocument(page, "page.html");
    await pictures(panel).first().scrollIntoViewIfNeeded();
    const tile = (await pictures(panel).first().boundingBox())!;
    const line = (await page.locator(".monaco-editor .view-line").nth(1).boundingBox())!;
    await page.mouse.move(tile.x + 30, tile.y + 30);
    await page.mouse.down();
    await page.mouse.move(tile.x + 10, tile.y - 20, { steps: 5 });
    await page.mouse.move(line.x + 2, line.y + 8, { steps: 10 });
    await page.mouse.up();
    await page.locator(".view-lines", { hasText: "<img" }).waitFor();
    // VS Code gives the pointer back to the panel when it moves without a button.
    await page.mouse.move(line.x + 100, line.y + 100, { steps: 3 });
    const text = await savedText(page, "page.html", workbench.folder);
    assert.match(text, /<img src="two-green-apples(-\d+)?\.png" alt="two green apples">/);
  });

  it("deletes a picture", async () => {
    const before = savedPictures(workbench).length;
    await buttonOf(panel, "Delete").click();
    const confirm = page.locator(".monaco-dialog-box").getByText("Delete Permanently");
    // Asked for only where there is no trash.
    await until(async () => savedPictures(workbench).length === before - 1 || (await confirm.count()) > 0, 30_000);
    if ((await confirm.count()) > 0) await confirm.click();
    await until(() => savedPictures(workbench).length === before - 1, 30_000);
    await until(async () => (await pictures(panel).count()) === before - 1, 30_000);
  });

  it("comes back after a reload in the middle of a picture, which can be asked for again", async () => {
    const before = await pictures(panel).count();
    // So many steps that the reload is surely in the middle of them.
    await fillForm(panel, { "Number of images": "1", Steps: "500", Width: "256", Height: "256" });
    await ask(panel, "a blue house");
    await panel
      .getByText(/^Step \d+ of 500$/)
      .first()
      .waitFor({ timeout: PICTURE_MS });
    await page.reload();
    panel = panelOf(page);
    await panel.getByText("The window was closed or reloaded before the picture was finished.").waitFor();
    assert.equal(await promptOf(panel).inputValue(), "a blue house");
    assert.equal(await fieldOf(panel, "Steps").inputValue(), "500");
    await pictureCount(panel, before);
    await buttonOf(panel, "Try Again").click();
    await panel
      .getByText(/^Step \d+ of 500$/)
      .first()
      .waitFor({ timeout: PICTURE_MS });
    await buttonOf(panel, "Cancel").click();
    await panel.locator(".tile.stopped").waitFor();
  });

  it("follows the typing with a live picture that Generate then keeps", async () => {
    const before = savedPictures(workbench);
    await fillForm(panel, { "Number of images": "1", Steps: "2", Width: "128", Height: "128" });
    await panel.getByText("Live preview", { exact: true }).click();
    await promptOf(panel).fill("a yellow");
    await promptOf(panel).press("End");
    await page.keyboard.type(" star", { delay: 30 });
    await panel.getByText("Generate makes this picture with all its steps").waitFor({ timeout: PICTURE_MS });
    const live = await panel.getByRole("img", { name: "Live preview: a yellow star" }).getAttribute("src");
    assert.deepEqual(savedPictures(workbench), before);

    await promptOf(panel).press("ControlOrMeta+Enter");
    await panel.locator(".canvas").getByRole("img", { name: "a yellow star", exact: true }).waitFor();
    const [kept] = savedPictures(workbench).filter((path) => !before.includes(path));
    const shown = PNG.sync.read(Buffer.from(live!.split(",")[1]!, "base64"));
    // Of the same steps and seed; the files differ in what they say of themselves.
    assert.ok(PNG.sync.read(readFileSync(kept!)).data.equals(shown.data));
    await panel.getByText("Live preview", { exact: true }).click();
  });

  it("says nothing of prompts in any log", () => {
    const logs = readdirSync(join(workbench.folder, "..", "data", "logs"), { recursive: true, withFileTypes: true });
    const texts = logs
      .filter((entry) => entry.isFile())
      .map((entry) => ({ name: entry.name, text: readFileSync(join(entry.parentPath, entry.name), "utf8") }));
    assert.ok(
      texts.some(({ name, text }) => name === "Sana.log" && text !== ""),
      texts.map(({ name }) => name).join(", "),
    );
    for (const { name, text } of texts) {
      for (const prompt of ["红狐", "green apples", "blue house", "yellow star"])
        assert.ok(!text.includes(prompt), `${prompt}: ${name}`);
    }
  });
});

/** The sources of all previews that appear until the picture is there. */
async function previewsUntilPicture(panel: FrameLocator): Promise<Set<string>> {
  const seen = new Set<string>();
  await until(async () => {
    const src = await panel.locator(".canvas img").getAttribute("src");
    if (src?.startsWith("data:") === true) seen.add(src);
    return (await pictures(panel).count()) > 0;
  }, PICTURE_MS);
  return seen;
}

function styleOf(element: unknown): string {
  // In the browser, whose types the tests do not have.
  return (globalThis as unknown as { getComputedStyle(e: unknown): { filter: string } }).getComputedStyle(element)
    .filter;
}

/** The PNGs of the panel's own folder. */
function savedPictures(workbench: Workbench): string[] {
  const storage = join(workbench.folder, "..", "data", "User", "workspaceStorage");
  const files = readdirSync(storage, { recursive: true }).map(String);
  return files
    .filter((name) => /sana-vscode\.sana\/pictures\/[^/]*\.png$/.test(name))
    .map((name) => join(storage, name));
}

/** The clipboard's text, or, of a picture, the letters in its signature. */
function clipboard(page: Page, type: "text/plain" | "image/png"): Promise<string> {
  return page.evaluate(`(async () => {
    const [item] = await navigator.clipboard.read();
    const bytes = new Uint8Array(await (await item.getType("${type}")).arrayBuffer());
    return "${type}" === "text/plain" ? new TextDecoder().decode(bytes) : String.fromCharCode(...bytes.subarray(1, 4));
  })()`);
}

/** What is on the screen, in whatever size, has the colours of the file, place by place. */
function assertSamePicture(screenshot: Buffer, file: Buffer): void {
  const [seen, made] = [grid(PNG.sync.read(screenshot)), grid(PNG.sync.read(file))];
  const difference = seen.map((value, index) => Math.abs(value - made[index]!));
  // The browser resizes and the preview may round corners: cells of an eighth differ by less than a tenth of the range.
  assert.ok(Math.max(...difference) < 25, difference.map(Math.round).join(" "));
  assert.ok(Math.max(...made) - Math.min(...made) > 50, "the picture is not empty");
}

const CELLS = 8;

/** The mean of each colour in each of 8×8 cells. */
function grid({ width, height, data }: PNG): number[] {
  const sums = new Float64Array(CELLS * CELLS * 3);
  const counts = new Float64Array(CELLS * CELLS * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const cell = Math.floor((y * CELLS) / height) * CELLS + Math.floor((x * CELLS) / width);
      for (let channel = 0; channel < 3; channel += 1) {
        sums[3 * cell + channel]! += data[4 * (y * width + x) + channel]!;
        counts[3 * cell + channel]! += 1;
      }
    }
  }
  return [...sums].map((sum, index) => sum / counts[index]!);
}
