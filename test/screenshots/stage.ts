import { readFileSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Locator, Page } from "playwright-core";
import { PNG } from "pngjs";
import { openWorkbench, type Workbench } from "../e2e/workbench";

/** A finished picture of the README. */
export interface Screenshot {
  readonly file: string;
  readonly bytes: Uint8Array;
}

/** A part of the window, in CSS pixels. */
export interface Clip {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Without what belongs to VS Code and would only distract. */
const TIDY_SETTINGS = {
  "breadcrumbs.enabled": false,
  "editor.fontSize": 15,
  "editor.guides.indentation": false,
  "editor.lineNumbers": "off",
  "editor.minimap.enabled": false,
  "editor.occurrencesHighlight": "off",
  "editor.overviewRulerBorder": false,
  "editor.renderLineHighlight": "none",
  "editor.scrollbar.vertical": "hidden",
  "editor.stickyScroll.enabled": false,
  "editor.wordWrap": "on",
  "window.commandCenter": false,
  "workbench.colorTheme": "Default Dark Modern",
  "workbench.layoutControl.enabled": false,
};

interface Stage {
  readonly width: number;
  readonly height: number;
  /** Device pixels per CSS pixel; above 1 pictures stay sharp on dense screens. */
  readonly scale: number;
}

/** A window on the sample workspace, as somebody has it who uses the extension. */
export function openStage({ width, height, scale }: Stage): Promise<Workbench> {
  const sample = resolve("test", "e2e", "sample-workspace");
  const names = readdirSync(sample, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const files = Object.fromEntries(
    names.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(sample.length + 1), readFileSync(path)];
    }),
  );
  return openWorkbench({ files, settings: TIDY_SETTINGS, viewport: { width, height }, deviceScaleFactor: scale });
}

/** The smallest part of the window that shows all of these. */
export async function around(...locators: readonly Locator[]): Promise<Clip> {
  const boxes = await Promise.all(locators.map(async (locator) => (await locator.boundingBox())!));
  const x = Math.min(...boxes.map((box) => box.x));
  const y = Math.min(...boxes.map((box) => box.y));
  const right = Math.max(...boxes.map((box) => box.x + box.width));
  const bottom = Math.max(...boxes.map((box) => box.y + box.height));
  return { x, y, width: right - x, height: bottom - y };
}

/** A picture of a part of the window, as a small PNG. */
export async function shoot(page: Page, file: string, clip: Clip): Promise<Screenshot> {
  const picture = PNG.sync.read(await page.screenshot({ clip, animations: "disabled", caret: "hide" }));
  return { file, bytes: PNG.sync.write(picture, { colorType: 2, deflateLevel: 9 }) };
}
