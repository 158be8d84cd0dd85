import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { GenerateParams } from "../../sidecar/protocol";
import { ServerClient } from "../server/server-client";
import { until } from "../server/workshop";
import { withPlayground, type Playground } from "./playground";

/** Resident memory of the server and all of its processes, in bytes. */
export interface IdleMemory {
  /** Of a server that was just started. */
  readonly fresh: number;
  /** With everything loaded, after the pictures. */
  readonly loaded: number;
  /** After the idle time. */
  readonly unloaded: number;
}

/** Half a second, in minutes. */
const IDLE = "0.0083";
/** As the server has it when no other is asked for. */
const USUAL_IDLE_SECONDS = 600;

/** Makes `pictures` pictures, waits for the idle time, and compares the memory with that of another, new server. */
export async function measureIdleMemory({
  pictures,
  picture,
}: {
  pictures: number;
  picture: Omit<GenerateParams, "token" | "output">;
}): Promise<IdleMemory> {
  const fresh = await withServer([], async (client, { residentBytes }) => {
    assert.equal((await client.status()).idleSeconds, USUAL_IDLE_SECONDS);
    return residentBytes();
  });
  return withServer(["--idle-minutes", IDLE], async (client, playground) => {
    let loaded = 0;
    for (let i = 0; i < pictures; i += 1) {
      const output = { path: join(playground.pictures, `${i}.png`) };
      await client.generate({ ...picture, previews: { maxSide: 256 }, output }).result;
      loaded = Math.max(loaded, playground.residentBytes());
    }
    await until(() => playground.processes().length === 1, "the worker has ended");
    const { memory, model, state } = await client.status();
    assert.deepEqual([model, state, memory.worker], [null, "idle", 0]);
    return { fresh, loaded, unloaded: playground.residentBytes() };
  });
}

async function withServer<Result>(
  args: readonly string[],
  use: (client: ServerClient, playground: Playground) => Promise<Result>,
): Promise<Result> {
  return withPlayground(async (playground) => {
    const client = new ServerClient({ env: playground.env, args });
    try {
      await client.initialize();
      await client.status();
      // What belongs to starting up is done by then.
      await wait(1000);
      return await use(client, playground);
    } finally {
      client.kill();
    }
  });
}
