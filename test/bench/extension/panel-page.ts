import type { BrowserContext, Frame } from "playwright-core";

/** What the watcher in the panel's page has seen so far; Unix times in milliseconds. */
export interface Sightings {
  /** When the prompt field first had the focus. */
  focused?: number;
  /** When a preview was first shown. */
  preview?: number;
}

// A webview on two busy cores; what takes longer hangs.
const TIMEOUT_MS = 60_000;

// Runs in the page, once a frame of the screen.
const WATCHER = `
  const sightings = {};
  globalThis.sightings = sightings;
  const look = () => {
    if (document.activeElement?.tagName === "VSCODE-TEXT-AREA") sightings.focused ??= Date.now();
    const preview = document.querySelector('.canvas img[src^="data:"]:not([hidden])');
    if (preview !== null) sightings.preview ??= Date.now();
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);`;

/** Watches every page that is opened from now on, the panel's among them. */
export async function watchPanel(browser: BrowserContext): Promise<void> {
  await browser.addInitScript(WATCHER);
}

/** Waits until the watcher has seen it. */
export async function sighting(frame: Frame, what: keyof Sightings): Promise<number> {
  const handle = await frame.waitForFunction(`sightings.${what}`, undefined, { timeout: TIMEOUT_MS });
  return (await handle.jsonValue()) as number;
}

/** The next one counts. */
export async function forgetSighting(frame: Frame, what: keyof Sightings): Promise<void> {
  await frame.evaluate(`delete sightings.${what}`);
}
