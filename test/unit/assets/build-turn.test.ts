import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { takeBuildTurn } from "../../../sidecar/assets/build-turn";
import { withFolder } from "../files/temporary-folder";

const NAME = ".sana.assets.building";
const never = new AbortController().signal;

function take(folder: string, signal = never): { turn: Promise<() => Promise<void>>; waits: number[] } {
  const waits: number[] = [];
  return { turn: takeBuildTurn(folder, { signal, onWait: (processId) => waits.push(processId) }), waits };
}

function leaveBehind(folder: string, owner: object, ageMs = 0): void {
  writeFileSync(join(folder, NAME), JSON.stringify(owner));
  const time = new Date(Date.now() - ageMs);
  utimesSync(join(folder, NAME), time, time);
}

const deadProcess = (): number => spawnSync(process.execPath, ["-e", ""]).pid;

describe("takeBuildTurn", () => {
  it("lets one in at a time and leaves nothing behind", () =>
    withFolder(async (folder) => {
      let inside = 0;
      await Promise.all(
        [1, 2, 3].map(async () => {
          const end = await take(folder).turn;
          inside += 1;
          assert.equal(inside, 1);
          await new Promise((resolve) => setTimeout(resolve, 20));
          inside -= 1;
          await end();
        }),
      );
      assert.deepEqual(readdirSync(folder), []);
    }));

  it("takes over from a process that was killed", () =>
    withFolder(async (folder) => {
      leaveBehind(folder, { id: "x", processId: deadProcess(), host: hostname() });
      const { turn, waits } = take(folder);
      await (
        await turn
      )();
      assert.deepEqual(waits, []);
      assert.deepEqual(readdirSync(folder), []);
    }));

  it("takes over once where several find a dead one", () =>
    withFolder(async (folder) => {
      leaveBehind(folder, { id: "x", processId: deadProcess(), host: hostname() });
      let inside = 0;
      await Promise.all(
        [1, 2, 3].map(async () => {
          const end = await take(folder).turn;
          inside += 1;
          assert.equal(inside, 1);
          await new Promise((resolve) => setTimeout(resolve, 20));
          inside -= 1;
          await end();
        }),
      );
      assert.deepEqual(readdirSync(folder), []);
    }));

  it("waits for another machine, until it has said nothing for a quarter of an hour", () =>
    withFolder(async (folder) => {
      const owner = { id: "x", processId: 1, host: "another machine" };
      leaveBehind(folder, owner, 10 * 60_000);
      const controller = new AbortController();
      const { turn, waits } = take(folder, controller.signal);
      setTimeout(() => {
        controller.abort();
      }, 100);
      await assert.rejects(turn, { code: "cancelled" });
      assert.deepEqual(waits, [1]);
      leaveBehind(folder, owner, 16 * 60_000);
      await (
        await take(folder).turn
      )();
    }));

  it("takes over a file that says nothing", () =>
    withFolder(async (folder) => {
      leaveBehind(folder, {}, 60_000);
      await (
        await take(folder).turn
      )();
      assert.deepEqual(readdirSync(folder), []);
    }));
});
