import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { GenerateParams } from "../../sidecar/protocol";
import { ServerClient } from "../server/server-client";
import { withPlayground } from "./playground";

const PAUSE_MS = 5;

/**
 * Asks for the server's status over and over, a few milliseconds after each answer, while `pictures` pictures with
 * previews are made one after the other. The first one includes the loading of the networks. Returns how long each
 * answer took, in milliseconds, in ascending order; answers that say that no picture is being made do not count.
 */
export async function statusDelays({
  pictures,
  picture,
}: {
  pictures: number;
  picture: Omit<GenerateParams, "token" | "output">;
}): Promise<number[]> {
  return withPlayground(async (playground) => {
    const client = new ServerClient({ env: playground.env });
    try {
      await client.initialize();
      const making = { over: false };
      const all = Promise.all(
        Array.from({ length: pictures }, (_, i) => {
          const output = { path: join(playground.pictures, `${i}.png`) };
          return client.generate({ ...picture, previews: { maxSide: 256 }, output }).result;
        }),
      ).finally(() => (making.over = true));
      const delays: number[] = [];
      while (!making.over) {
        const asked = performance.now();
        const { state } = await client.status();
        if (state !== "idle") delays.push(performance.now() - asked);
        await wait(PAUSE_MS);
      }
      await all;
      return delays.sort((a, b) => a - b);
    } finally {
      client.kill();
    }
  });
}

/** The value that `part` (0 … 1) of the sorted values do not exceed. */
export function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)]!;
}
