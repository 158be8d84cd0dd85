import { createHash, randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { readdir, stat, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { systemErrorCode } from "./system-error";

const NAME = /^\.sana-([0-9a-f]{8})-(\d{1,10})-[0-9a-f]{16}\.tmp$/;

/** Nobody writes a picture for so long; only then may a file of another machine or an earlier start be removed. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;

/** A name for a file that is being written: unpredictable, and telling which process of which machine writes it. */
export function temporaryName(): string {
  return `.sana-${processSpace()}-${process.pid}-${randomBytes(8).toString("hex")}.tmp`;
}

/**
 * Removes the temporary files in `folder` whose process was killed while it wrote them. Those of living processes and of
 * other machines that share the folder stay. `ended` is a process that is known to be ending, though the system may
 * still list it. Whatever goes wrong is ignored: it is no one's task that fails.
 */
export async function removeAbandonedFiles(folder: string, { ended }: { ended?: number } = {}): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const path = join(folder, name);
    if (NAME.test(name) && (await isAbandoned(path, { name, ended }))) await unlink(path).catch(() => undefined);
  }
}

async function isAbandoned(
  path: string,
  { name, ended }: { name: string; ended: number | undefined },
): Promise<boolean> {
  const [, space, processId] = NAME.exec(name)!;
  if (space === processSpace()) return Number(processId) === ended || !exists(Number(processId));
  const age = await stat(path).then(
    ({ mtimeMs }) => Date.now() - mtimeMs,
    () => 0,
  );
  return age > ABANDONED_AFTER_MS;
}

function exists(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    // A process of another user exists.
    return systemErrorCode(error) === "EPERM";
  }
}

let space: string | undefined;

/** Within what the numbers of processes mean something: this machine since it was started, and a container's own. */
function processSpace(): string {
  const parts = [
    hostname(),
    optional(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8")),
    optional(() => readlinkSync("/proc/self/ns/pid")),
  ];
  space ??= createHash("sha256").update(parts.join("\n")).digest("hex").slice(0, 8);
  return space;
}

function optional(read: () => string): string {
  try {
    return read();
  } catch {
    return "";
  }
}
