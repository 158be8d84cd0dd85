import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServerClient } from "./server-client";

/** A server that is ready for requests, and a folder for its pictures. */
export interface Workshop {
  readonly client: ServerClient;
  readonly folder: string;
  /** What is in the folder, hidden files included. */
  readonly files: () => string[];
}

/**
 * Runs `use` with a server of its own, which must end without a fault of its own afterwards. `preload` is JavaScript that
 * the server and its worker run first.
 */
export async function withWorkshop(
  use: (workshop: Workshop) => Promise<void>,
  { args, preload }: { args?: readonly string[]; preload?: string } = {},
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "sana-server-"));
  const folder = join(root, "pictures");
  mkdirSync(folder);
  const script = join(root, "preload.cjs");
  if (preload !== undefined) writeFileSync(script, preload);
  const client = new ServerClient({
    ...(args === undefined ? {} : { args }),
    ...(preload === undefined ? {} : { env: { NODE_OPTIONS: `--require ${script}` } }),
  });
  try {
    await client.initialize();
    await use({ client, folder, files: () => readdirSync(folder).sort() });
    assert.equal(await client.stop(), 0);
    assert.doesNotMatch(client.log, /\[error\]/);
  } finally {
    client.kill();
    await client.exited;
    rmSync(root, { recursive: true, force: true });
  }
}

/** Looks again until `condition` holds; fails when it takes too long. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  // A busy machine may take this long to load a model; what takes longer hangs.
  limitMs = 120_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    assert.ok(performance.now() < end, `it takes too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The processes whose parent is `parent`. */
export function childrenOf(parent: number): number[] {
  return processes()
    .filter((process) => process.parent === parent)
    .map(({ id }) => id);
}

export function isAlive(id: number): boolean {
  return processes().some((process) => process.id === id && process.state !== "Z");
}

/** Every process of the machine. */
export function processIds(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function processes(): { id: number; parent: number; state: string }[] {
  return processIds().flatMap((id) => {
    try {
      // The command's name may hold anything, a bracket included.
      const [state, parent] = readFileSync(`/proc/${id}/stat`, "utf8")
        .replace(/^.*\) /s, "")
        .split(" ");
      return [{ id, parent: Number(parent), state: state! }];
    } catch {
      return [];
    }
  });
}
