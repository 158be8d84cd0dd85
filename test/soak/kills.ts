import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { ERROR_CODES, type GenerateParams } from "../../sidecar/protocol";
import { goldenCheckpoint } from "../cli/fixtures";
import { errorOf, ServerClient } from "../server/server-client";
import { childrenOf, until } from "../server/workshop";
import { withPlayground, type Playground } from "./playground";
import type { Random } from "./random";

const TARGETS = ["server", "worker", "parent"] as const;
type Target = (typeof TARGETS)[number];

export interface KillFigures {
  readonly kills: Readonly<Record<Target, number>>;
  /** From the kill of server or parent until no process was left. */
  readonly endedMs: readonly number[];
  /** Pictures that had their file by the time of the kill, and pictures that were given up for it. */
  readonly finished: number;
  readonly lost: number;
  /** Pictures that were made afterwards, each by the server that was left or by a new one. */
  readonly madeAfterwards: number;
}

/** A server with its parent in between, which passes on what client and server say to each other. */
interface Household {
  readonly client: ServerClient;
  readonly initialized: Promise<unknown>;
}

/**
 * Kills server, worker and server's parent in turns, each at a random moment from the server's start or from the
 * request for a picture to a little after its end. After each one: whatever is left of the three that cannot go on has
 * ended, there is no file but finished pictures, and the next picture is made.
 */
export async function killAtRandomMoments({ count, random }: { count: number; random: Random }): Promise<KillFigures> {
  const kills: Record<Target, number> = { server: 0, worker: 0, parent: 0 };
  const endedMs: number[] = [];
  let [finished, madeAfterwards] = [0, 0];
  await withPlayground(async (playground) => {
    const { pictures } = playground;
    const usual = await usualTimes(playground);
    let household: Household | undefined;
    for (let round = 0; round < count; round += 1) {
      const target = TARGETS[round % TARGETS.length]!;
      const name = `victim-${round}.png`;
      const wasRunning = household !== undefined;
      const { client, initialized } = household ?? start(playground);
      const picture = initialized.then(
        () => client.generate({ ...victim(random), output: { path: join(pictures, name) } }).result,
      );
      // Looked at below; until then it may have failed already.
      picture.catch(() => undefined);
      const moment = random.number() * 1.2 * (wasRunning ? usual.warmMs : usual.coldMs);
      const context = `round ${round}: ${target} killed after ${moment.toFixed(1)} ms, ${wasRunning ? "warm" : "cold"}`;
      await wait(moment);
      await kill(target, client, picture);
      kills[target] += 1;
      if (target === "worker") {
        const [{ status }] = await Promise.allSettled([picture]);
        if (status === "rejected") {
          assert.equal((await errorOf(picture)).code, ERROR_CODES["worker-ended"], context);
        }
        assert.equal(existsSync(join(pictures, name)), status === "fulfilled", context);
        household = { client, initialized };
      } else {
        const killed = performance.now();
        await until(() => playground.processes().length === 0, `nothing is left; ${context}`);
        endedMs.push(performance.now() - killed);
        client.kill();
        household = undefined;
      }
      const made = existsSync(join(pictures, name)) ? [name] : [];
      finished += made.length;
      playground.assertOnly(made, context);

      household ??= start(playground);
      await household.initialized;
      const after = `after-${round}.png`;
      await household.client.generate({ ...victim(random), output: { path: join(pictures, after) } }).result;
      madeAfterwards += 1;
      playground.assertOnly([...made, after], context);
      playground.clear();
      if (random.chance(0.5)) {
        await stop(household, playground, context);
        household = undefined;
      }
    }
    if (household !== undefined) await stop(household, playground, "at the end");
  });
  return { kills, endedMs, finished, lost: count - finished, madeAfterwards };
}

/** Small pictures whose stages are of about the same length, so that random moments meet each of them. */
function victim(random: Random): Omit<GenerateParams, "token" | "output"> {
  const side = random.pick([32, 128, 256]);
  return {
    model: goldenCheckpoint("sana-1.0"),
    resolutionBinning: false,
    width: side,
    height: side,
    prompt: random.pick(["", "a fox"]),
    steps: 1 + random.below(40),
    // Another precision is another model: the worker is replaced, and the first time weights are converted.
    precision: random.pick(["auto", "auto", "auto", "int8"]),
    previews: random.pick([null, { maxSide: 64 }]),
  };
}

/** How long a picture takes when nobody disturbs it. */
async function usualTimes(playground: Playground): Promise<{ coldMs: number; warmMs: number }> {
  const started = performance.now();
  const household = start(playground);
  await household.initialized;
  const times: number[] = [];
  for (const name of ["cold.png", "warm.png"]) {
    const path = join(playground.pictures, name);
    const size = { width: 128, height: 128, resolutionBinning: false, steps: 20 } as const;
    const params = { ...size, model: goldenCheckpoint("sana-1.0"), prompt: "a fox", output: { path } };
    await household.client.generate(params).result;
    times.push(performance.now());
    playground.clear();
  }
  await stop(household, playground, "at the beginning");
  return { coldMs: times[0]! - started, warmMs: times[1]! - times[0]! };
}

function start({ pictures, env }: Playground): Household {
  const launcher = join(pictures, "..", "parent.cjs");
  writeFileSync(launcher, PARENT);
  const client = new ServerClient({ env, launcher });
  const initialized = client.initialize();
  initialized.catch(() => undefined);
  return { client, initialized };
}

async function stop({ client }: Household, playground: Playground, context: string): Promise<void> {
  assert.equal(await client.stop(), 0, context);
  assert.doesNotMatch(client.log, /\[error\]/, context);
  await until(() => playground.processes().length === 0, `nothing is left; ${context}`);
}

/** Waits for a server or a worker that has not been started yet; `over` settles when there will be none any more. */
async function kill(target: Target, client: ServerClient, over: Promise<unknown>): Promise<void> {
  const parent = client.process.pid!;
  if (target === "parent") {
    process.kill(parent, "SIGKILL");
    return;
  }
  const progress = { over: false };
  const note = (): boolean => (progress.over = true);
  over.then(note, note);
  const find = (): number | undefined => {
    const [server] = childrenOf(parent);
    return target === "server" || server === undefined ? server : childrenOf(server)[0];
  };
  await until(() => find() !== undefined || progress.over, `there is a ${target}`);
  const id = find();
  if (id !== undefined) process.kill(id, "SIGKILL");
}

const PARENT = `
const { spawn } = require("node:child_process");
const server = spawn(process.execPath, process.argv.slice(2), { stdio: ["pipe", "pipe", "inherit"] });
process.stdin.pipe(server.stdin);
server.stdout.pipe(process.stdout);
server.on("exit", (code) => process.exit(code ?? 1));
for (const stream of [process.stdin, process.stdout, server.stdin]) stream.on("error", () => undefined);
`;
