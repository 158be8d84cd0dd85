import type { Page } from "playwright-core";

const TEXT = "the quick brown fox jumps over the lazy dog while a picture of it is being drawn. ".repeat(2);
// Ten letters a second: a fast typist.
const PAUSE_MS = 100;
/** The least that the browser reports. */
const LEAST_MS = 16;

const OBSERVE = `
  globalThis.keystrokes = [];
  globalThis.observer = new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) if (name === "keydown") keystrokes.push(duration);
  });
  observer.observe({ type: "event", durationThreshold: ${LEAST_MS} });`;

/**
 * Types into the editor that is open and returns how long each letter took from its key to its paint, in milliseconds,
 * as the browser's Event Timing measures it (in steps of 8; less than 16 counts as 16).
 */
export async function typeSomething(page: Page): Promise<readonly number[]> {
  await page.locator(".monaco-editor .view-line").first().click();
  await page.evaluate(OBSERVE);
  await page.keyboard.type(TEXT, { delay: PAUSE_MS });
  const reported: number[] = await page.evaluate(`observer.disconnect(), keystrokes`);
  return Array.from(TEXT, (_, index) => reported[index] ?? LEAST_MS);
}
