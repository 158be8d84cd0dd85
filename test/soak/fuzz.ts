import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { JSON_RPC_ERRORS } from "../../sidecar/protocol";
import { goldenCheckpoint } from "../cli/fixtures";
import { framed, RawClient, type RawMessage } from "../server/raw-client";
import { until } from "../server/workshop";
import { hostileMessage } from "./hostile-messages";
import { withPlayground, type Playground } from "./playground";
import type { Random } from "./random";

/** Messages that one server gets; the next ones go to a new one. */
const MESSAGES_PER_SERVER = 500;
/** After so many the client waits until everything is answered. */
const BATCH = 50;
/** Messages before `initialize`. */
const UNINVITED = 20;

export interface FuzzFigures {
  readonly messages: number;
  readonly servers: number;
  /** Requests with a usable id, all of which were answered once. */
  readonly answered: number;
  /** Pictures that hostile messages had made. */
  readonly pictures: number;
  /** What the server's memory grew by at most, from the first answer to the last one, in bytes. */
  readonly growth: number;
}

/**
 * Sends `count` hostile messages. Every request among them must be answered exactly once and none by a bug, and each
 * server makes a picture and ends in order afterwards, with nothing but pictures left behind.
 */
export async function sendHostileMessages({ count, random }: { count: number; random: Random }): Promise<FuzzFigures> {
  const total = { messages: 0, servers: 0, answered: 0, pictures: 0, growth: 0 };
  await withPlayground(async (playground) => {
    while (total.messages < count) {
      const messages = Math.min(MESSAGES_PER_SERVER, count - total.messages);
      const { answered, pictures, growth } = await besiege(playground, messages, random);
      total.messages += messages;
      total.servers += 1;
      total.answered += answered;
      total.pictures += pictures;
      total.growth = Math.max(total.growth, growth);
    }
  });
  return total;
}

async function besiege(
  playground: Playground,
  count: number,
  random: Random,
): Promise<Pick<FuzzFigures, "answered" | "pictures" | "growth">> {
  const client = new RawClient([], playground.env);
  const asked: (string | number)[] = [];
  let ids = 0;
  const newId = (): string | number => {
    ids += 1;
    return ids % 2 === 0 ? ids : `id-${ids}`;
  };
  const subject = { folder: playground.pictures, newId, usedIds: asked };
  const send = async (sent: number): Promise<void> => {
    const message = hostileMessage(random, subject);
    if (message.id !== null) asked.push(message.id);
    await inPieces(client, message.bytes, random);
    if (message.losesTrack) await findTrack(client, `message ${sent}`);
  };
  for (let sent = 0; sent < UNINVITED; sent += 1) await send(sent);
  const { error } = await client.initialize();
  assert.equal(error, undefined);
  const before = playground.residentBytes();
  for (let sent = UNINVITED; sent < count; sent += 1) {
    await send(sent);
    if (sent % BATCH === 0) await settle(client, asked, { cancelled: random.chance(0.5) });
  }
  await settle(client, asked, { cancelled: false });
  await client.ask("unload", "sana/unload");
  const growth = playground.residentBytes() - before;

  const answers = new Map<unknown, RawMessage[]>(asked.map((id) => [id, []]));
  for (const message of client.messages) if (message.method === undefined) answers.get(message.id)?.push(message);
  for (const [id, found] of answers)
    assert.equal(found.length, 1, `answers to ${String(id)}: ${JSON.stringify(found)}`);
  const bug = client.messages.find((message) => message.error?.code === JSON_RPC_ERRORS.internalError);
  assert.equal(bug, undefined, JSON.stringify(bug));
  assert.doesNotMatch(client.log, /\[error\]/);

  const path = join(playground.pictures, "at-last.png");
  const size = { width: 32, height: 32, resolutionBinning: false, steps: 1 };
  const params = { ...size, token: "t", prompt: "", model: goldenCheckpoint("sana-1.0"), output: { path } };
  const last = await client.ask("at last", "sana/generate", params);
  assert.equal(last.error, undefined, JSON.stringify(last.error));
  assert.equal((await client.ask("end", "shutdown")).result, null);
  client.send({ jsonrpc: "2.0", method: "exit" });
  assert.equal(await client.exited, 0);
  assert.equal(client.fault, undefined, "stdout carries the protocol alone");
  await until(() => playground.processes().length === 0, "nothing is left");
  const pictures = readdirSync(playground.pictures);
  playground.assertOnly(
    pictures.filter((name) => name.endsWith(".png")),
    "after hostile messages",
  );
  playground.clear();
  return { answered: asked.length, pictures: pictures.length - 1, growth };
}

/** Waits until every request is answered. */
async function settle(
  client: RawClient,
  asked: readonly (string | number)[],
  { cancelled }: { cancelled: boolean },
): Promise<void> {
  const answered = new Set(client.messages.filter(({ method }) => method === undefined).map(({ id }) => id));
  for (const id of asked.filter((one) => !answered.has(one))) {
    if (cancelled) client.send({ jsonrpc: "2.0", method: "$/cancelRequest", params: { id } });
    await client.answer(id);
  }
}

/** Sends bytes as they might arrive: cut anywhere. */
async function inPieces(client: RawClient, bytes: Uint8Array, random: Random): Promise<void> {
  const cut = random.chance(0.3) ? random.below(bytes.length) : 0;
  if (cut > 0) {
    client.bytes(bytes.subarray(0, cut));
    await wait(random.below(3));
  }
  client.bytes(bytes.subarray(cut));
}

let probes = 0;

/** Sends spaces, more each time, until the server answers again: as many as it still counts to a message. */
async function findTrack(client: RawClient, context: string): Promise<void> {
  for (let padding = 8192; padding < 2 ** 28; padding *= 4) {
    probes += 1;
    const id = `track-${probes}`;
    client.bytes(" ".repeat(padding));
    client.bytes(framed(JSON.stringify({ jsonrpc: "2.0", id, method: "sana/status" })));
    const found = await Promise.race([client.answer(id).then(() => true), wait(2000).then(() => false)]);
    if (found) return;
  }
  assert.fail(`the server does not answer any more after ${context}: ${client.log}`);
}
