import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FrameLocator, Page } from "playwright-core";
import { gesture, GESTURE_MS } from "./gestures";
import { missingParts } from "./missing-parts";
import { panelOf, PICTURE_MS, pictures, promptOf } from "./panel-page";
import { openAtEnd, savedText } from "./text-editor";
import { until } from "./until";
import { openWorkbench, runCommand, type Workbench } from "./workbench";

// Of the test's own dependencies, which are not bundled.
const AXE = createRequire(resolve("package.json")).resolve("axe-core/axe.min.js");
const OUTSIDE = { "sana.outputFolder": "../outside" };

describe("the panel in Chinese, by keyboard, without trust", { skip: missingParts() }, () => {
  let workbench: Workbench;
  let page: Page;
  let panel: FrameLocator;
  before(async () => {
    const files = { "note.md": "# 笔记\n\n", ".vscode/settings.json": JSON.stringify(OUTSIDE) };
    const settings = { "sana.livePreview": "off" };
    workbench = await openWorkbench({ files, settings, locale: "zh-cn", trusted: false });
    page = workbench.page;
    panel = panelOf(page);
  });
  after(() => workbench.close());

  it("needs no mouse from the palette to the inserted picture", async () => {
    await openAtEnd(page, "note.md", 3);
    await gesture(page, async () => {
      await page.keyboard.press("F1");
      await page.locator(".quick-input-widget input.input").waitFor({ timeout: GESTURE_MS });
      await page.keyboard.insertText("Sana: 生成图片");
      await page.locator(".monaco-list-row.focused", { hasText: "生成图片" }).waitFor({ timeout: GESTURE_MS });
      await page.keyboard.press("Enter");
    });
    // The focus is where the prompt belongs.
    await until(async () => (await focused(panel)).startsWith("TEXTAREA"), 60_000);
    await panel.locator(".shapes label").first().waitFor();
    await page.keyboard.insertText("一只红狐 🦊");
    await tabTo(page, panel, "宽度");
    await page.keyboard.insertText("128");
    await page.keyboard.press("Tab");
    await page.keyboard.insertText("128");
    await tabTo(page, panel, "快速");
    await page.keyboard.press("ArrowRight");
    assert.equal(await panel.getByRole("radio", { name: "质量" }).isChecked(), true);
    await page.keyboard.press("ArrowLeft");
    assert.equal(await panel.getByRole("radio", { name: "快速" }).isChecked(), true);
    await tabTo(page, panel, "更多设置");
    await page.keyboard.press("Enter");
    await tabTo(page, panel, "步数");
    await page.keyboard.insertText("2");
    await page.keyboard.press("ControlOrMeta+Enter");
    await pictures(panel).first().waitFor({ timeout: PICTURE_MS });
    await tabTo(page, panel, "插入");
    await page.keyboard.press("Enter");
    await panel.getByText("已插入").waitFor();
    const link = `![一只红狐 🦊](${encodeURIComponent("一只红狐")}.png)`;
    // The workspace's own setting, which leads outside, counts for nothing without trust.
    assert.equal(await savedText(page, "note.md", workbench.folder), `# 笔记\n\n${link}`);
  });

  it("speaks Chinese alone", async () => {
    await runCommand(page, "Sana: 生成图片");
    await promptOf(panel).fill("");
    const text = await panel.locator("body").innerText();
    for (const word of ["提示词", "负面提示词", "尺寸", "风格", "步数", "种子", "生成", "插入"]) {
      assert.ok(text.includes(word), word);
    }
    // What is left in Latin letters are names and units.
    const latin = text.replaceAll(/sana-illustrations-1(-sprint)?/g, "").match(/[A-Za-z]+/g) ?? [];
    assert.deepEqual(
      latin.filter((word) => !["Sana", "GB", "Markdown"].includes(word)),
      [],
    );
  });

  const themes = [
    ["Dark Modern", "vscode-dark"],
    ["Light Modern", "vscode-light"],
    ["Dark High Contrast", "vscode-high-contrast"],
    ["Light High Contrast", "vscode-high-contrast-light"],
  ] as const;
  for (const [theme, bodyClass] of themes) {
    it(`has nothing that axe finds fault with in ${theme}`, async () => {
      await chooseTheme(page, panel, theme, bodyClass);
      assert.deepEqual(await violations(page), []);
    });
  }

  it("moves nothing for those who want no motion", async () => {
    await page.emulateMedia({ reducedMotion: "reduce" });
    const moving = await panel.locator("body").evaluate(`
      [...document.querySelectorAll("*")].filter((element) => {
        const { transitionDuration, animationName } = getComputedStyle(element);
        return transitionDuration !== "0s" && transitionDuration !== "" && animationName !== "none";
      }).length`);
    assert.equal(moving, 0);
  });
});

/** What has the focus in the panel: its tag, then its name. */
async function focused(panel: FrameLocator): Promise<string> {
  const expression = `(() => {
    const host = document.activeElement;
    const inner = host?.shadowRoot?.activeElement ?? host;
    return [inner?.tagName, host?.ariaLabel, host?.labels?.[0]?.innerText, host?.textContent].join(" ");
  })()`;
  return panel.locator("body").evaluate(expression);
}

/** Presses Tab until the control of that name has the focus; every control is reached within one round. */
async function tabTo(page: Page, panel: FrameLocator, name: string): Promise<void> {
  const passed: string[] = [];
  for (let press = 0; press < 60; press += 1) {
    await page.keyboard.press("Tab");
    const now = await focused(panel);
    if (now.includes(name)) return;
    passed.push(now);
  }
  assert.fail(`${name} is not reached by Tab: ${passed.join("; ")}`);
}

/** The palette's list of themes, which may close again in a busy window. */
async function chooseTheme(page: Page, panel: FrameLocator, theme: string, bodyClass: string): Promise<void> {
  await gesture(page, async () => {
    await runCommand(page, "Preferences: Color Theme");
    const row = page.locator(".quick-input-list .monaco-list-row").filter({
      has: page.locator(".label-name").getByText(theme, { exact: true }),
    });
    await page.locator(".quick-input-widget input.input").fill(theme, { timeout: GESTURE_MS });
    await row.first().click({ timeout: GESTURE_MS });
    await panel.locator(`body.${bodyClass}`).waitFor({ timeout: GESTURE_MS });
  });
}

/** Runs axe in the panel's page; its policy forbids other scripts, the browser's own tools do not ask it. */
async function violations(page: Page): Promise<string[]> {
  const outer = await page.locator('iframe.webview.ready[src*="extensionId=sana-vscode.sana"]').elementHandle();
  const frame = await (await outer.contentFrame())!.waitForSelector("iframe#active-frame");
  const content = (await frame.contentFrame())!;
  await content.evaluate(readFileSync(AXE, "utf8"));
  return content.evaluate(`axe.run(document).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html, any }) => id + ": " + html.slice(0, 120) + " " + (any[0]?.message ?? ""))))`);
}
