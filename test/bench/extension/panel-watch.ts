import { setTimeout as sleep } from "node:timers/promises";
import type { BrowserContext, FrameLocator } from "playwright-core";

/** What the watcher in the panel's page has seen so far; Unix times in milliseconds. */
interface Sightings {
  /** When the prompt field, or that of the probe's webview, first had the focus. */
  focused?: number;
  /** When a preview was first shown. */
  preview?: number;
}

// A panel on two busy cores; what takes longer hangs.
const TIMEOUT_MS = 60_000;

// Runs in the page, about once a frame of the screen. VS Code writes the panel's page into the frame that is there already,
// and callbacks for animation frames do not survive that.
const WATCHER = `
  const sightings = {};
  globalThis.sightings = sightings;
  const look = () => {
    if (/TEXT-?AREA$/.test(document.activeElement?.tagName)) sightings.focused ??= Date.now();
    const preview = document.querySelector('.canvas img[src^="data:"]:not([hidden])');
    if (preview !== null) sightings.preview ??= Date.now();
  };
  setInterval(look, 15);`;

/** Watches every page that is opened from now on, the panel's among them. */
export async function watchPanel(browser: BrowserContext): Promise<void> {
  await browser.addInitScript(WATCHER);
}

/** Waits until the watcher has seen it. */
export async function sighting(panel: FrameLocator, what: keyof Sightings): Promise<number> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (;;) {
    const seen: Sightings = await panel.locator("body").evaluate(`sightings`);
    const time = seen[what];
    if (time !== undefined) return time;
    if (Date.now() > deadline) throw new Error(`"${what}" was not seen in the panel`);
    await sleep(50);
  }
}

/** The next one counts. */
export async function forgetSighting(panel: FrameLocator, what: keyof Sightings): Promise<void> {
  await panel.locator("body").evaluate(`delete sightings.${what}`);
}
