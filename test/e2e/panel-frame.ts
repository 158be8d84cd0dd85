import { setTimeout as sleep } from "node:timers/promises";
import type { Frame, Locator, Page } from "playwright-core";

// A webview on two busy cores; what takes longer hangs.
const TIMEOUT_MS = 60_000;

/** The panel's own page, inside VS Code's two frames around it, as soon as it is there. */
export async function panelFrame(page: Page): Promise<Frame> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    for (const frame of page.frames()) {
      const fields = promptField(frame).count();
      if ((await fields.catch(() => 0)) > 0) return frame;
    }
    if (Date.now() > deadline) throw new Error("the panel does not appear");
    await sleep(50);
  }
}

/** What takes the letters of the prompt. */
export function promptField(frame: Frame): Locator {
  return frame.locator("vscode-text-area").first().locator("textarea");
}
