import { setTimeout as sleep } from "node:timers/promises";

/** Resolves as soon as the condition holds. Rejects after the time in milliseconds, with what did not come true. */
export async function until(condition: () => boolean | Promise<boolean>, limitMs: number): Promise<void> {
  const deadline = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`this did not come true: ${String(condition)}`);
    await sleep(100);
  }
}
