import { setTimeout as sleep } from "node:timers/promises";

// A cold start with a picture on two busy cores; what takes longer hangs.
const LIMIT_MS = 120_000;

/** Resolves as soon as the condition holds; looks ten times a second. */
export async function waitUntil(
  condition: () => boolean | Promise<boolean>,
  what: string,
  intervalMs = 100,
): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`it takes too long until ${what}`);
    await sleep(intervalMs);
  }
}
