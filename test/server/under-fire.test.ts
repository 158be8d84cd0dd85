import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { goldenCheckpoint } from "../cli/fixtures";
import { cancelAtRandomMoments } from "../soak/cancels";
import { sendHostileMessages } from "../soak/fuzz";
import { measureIdleMemory } from "../soak/idle-memory";
import { killAtRandomMoments } from "../soak/kills";
import { soakSeed, withRandom } from "../soak/random";
import { quantile, statusDelays } from "../soak/responsiveness";

/** The goldens' tiny checkpoint at a size at which every stage takes a while and a picture does not take long. */
const PICTURE = {
  model: goldenCheckpoint("sana-1.0"),
  prompt: "a fox",
  ...{ width: 512, height: 512, resolutionBinning: false, steps: 8 },
} as const;

/** The same in every run; SOAK_SEED makes it another one. */
const SEED = soakSeed(4);

// What `npm run soak` does at length and with the limits that are aimed at. The limits here tell what works from what
// does not while other programs have the processor, for seconds at a time.
describe("a server under fire", () => {
  it("answers every request among hostile messages and goes on", () =>
    withRandom(SEED, async (random) => {
      const { answered, pictures } = await sendHostileMessages({ count: 400, random });
      assert.ok(answered > 150 && pictures > 0, `${answered} requests, ${pictures} pictures`);
    }));

  it("leaves no process and no file when it, its worker or its parent is killed at any moment", () =>
    withRandom(SEED, async (random) => {
      const { endedMs, madeAfterwards } = await killAtRandomMoments({ count: 9, random });
      assert.equal(madeAfterwards, 9);
      // It finishes what it is writing for five seconds at most, and looks for its parent twice a second.
      assert.ok(Math.max(...endedMs) <= 20_000, endedMs.join(" "));
    }));

  it("gives a picture up at any moment, leaves no file and makes the next one", () =>
    withRandom(SEED, async (random) => {
      for (const one of await cancelAtRandomMoments({ count: 4, picture: PICTURE, random })) {
        const { moment, delayMs, stepMs, workerStayed } = one;
        // A step of this one may have taken longer than those that were seen; all of those that remain take 8.
        const limit = moment === "steps" ? 4 * stepMs + 1000 : 5000;
        assert.ok(delayMs <= limit, JSON.stringify(one));
        // Waiting for a step is what keeps the networks loaded.
        if (moment === "steps") assert.ok(workerStayed);
      }
    }));

  it("answers while a picture is made", async () => {
    const delays = await statusDelays({ pictures: 2, picture: PICTURE });
    // Every answer would wait for a step if the server computed itself; at least half of them must not wait for other
    // programs either.
    assert.ok(delays.length > 20 && quantile(delays, 0.5) <= 50, delays.slice(-10).join(" "));
  });

  it("gives the memory back when it was idle", async () => {
    const { fresh, loaded, unloaded } = await measureIdleMemory({ pictures: 1, picture: PICTURE });
    // Otherwise there would be nothing to give back.
    assert.ok(loaded - fresh > 60e6, `${loaded} ${fresh}`);
    assert.ok(unloaded - fresh <= 60e6, `${(unloaded - fresh) / 1e6} MB more`);
  });
});
