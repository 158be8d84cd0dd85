import { randomUUID } from "node:crypto";
import { open, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { SanaError } from "../errors";
import { systemErrorCode, systemErrorReason } from "../files/system-error";
import { throwIfCancelled } from "../pipeline/guards";

/** Lies beside the manifest while it is being built. */
const TURN_NAME = ".sana.assets.building";

const POLL_MS = 500;
/** How often the owner shows that it lives. */
const HEARTBEAT_MS = 5_000;
/** An owner on another machine, or one whose number another process has by now, is taken for dead after this time. */
const DEAD_AFTER_MS = 15 * 60_000;
/** Two that take over at once each write the file; after this time it says which of them was the last. */
const SETTLE_MS = 200;

const OwnerSchema = v.object({ id: v.string(), processId: v.number(), host: v.string() });
type Owner = v.InferOutput<typeof OwnerSchema>;

/**
 * Waits until nobody else builds the assets of this folder and returns a function that lets the next one begin.
 * `onWait` is called once, with the process that is waited for, where there is one. What a builder that was killed left behind is taken over.
 * Throws `output-failed` where the folder cannot be written to, `cancelled` when the signal is given.
 */
export async function takeBuildTurn(
  folder: string,
  { signal, onWait }: { signal: AbortSignal; onWait: (processId: number) => void },
): Promise<() => Promise<void>> {
  const file = join(folder, TURN_NAME);
  const me: Owner = { id: randomUUID(), processId: process.pid, host: hostname() };
  try {
    for (let waited = false; ;) {
      throwIfCancelled(signal);
      if ((await createFile(file, me)) || (await takeOver(file, me))) break;
      const owner = await ownerOf(file);
      if (!waited && owner !== undefined) onWait(owner.processId);
      waited ||= owner !== undefined;
      await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  } catch (error) {
    if (error instanceof SanaError) throw error;
    throw new SanaError("output-failed", `cannot write ${file}: ${systemErrorReason(error)}`, { cause: error });
  }
  const heartbeat = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, HEARTBEAT_MS);
  heartbeat.unref();
  return async () => {
    clearInterval(heartbeat);
    if ((await ownerOf(file))?.id === me.id) await rm(file, { force: true });
  };
}

/** Makes the file unless there is one, in one step that nobody can come between. */
async function createFile(file: string, me: Owner): Promise<boolean> {
  try {
    const handle = await open(file, "wx");
    await handle.writeFile(JSON.stringify(me)).finally(() => handle.close());
    return true;
  } catch (error) {
    if (systemErrorCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Puts this process in the place of an owner that is dead. */
async function takeOver(file: string, me: Owner): Promise<boolean> {
  if (!(await isAbandoned(file))) return false;
  const mine = `${file}.${me.id}`;
  try {
    await writeFile(mine, JSON.stringify(me), { flag: "wx" });
    await rename(mine, file);
  } finally {
    await rm(mine, { force: true });
  }
  await sleep(SETTLE_MS);
  return (await ownerOf(file))?.id === me.id;
}

async function isAbandoned(file: string): Promise<boolean> {
  const owner = await ownerOf(file);
  const age = await stat(file).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  // A file without an owner is one that is just being written, unless it stays like that.
  if (owner === undefined) return age > HEARTBEAT_MS;
  return age > DEAD_AFTER_MS || (owner.host === hostname() && !isAlive(owner.processId));
}

async function ownerOf(file: string): Promise<Owner | undefined> {
  try {
    return v.parse(OwnerSchema, JSON.parse(await readFile(file, "utf8")));
  } catch {
    return undefined;
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // It is there, but another user's.
    return systemErrorCode(error) === "EPERM";
  }
}
