import { readFileSync, readdirSync } from "node:fs";
import type { Workbench } from "./workbench";

/** The processes of the sidecar below the server, parents first. */
export function sidecars({ serverPid }: Workbench): number[] {
  const below = new Set([serverPid]);
  const found: number[] = [];
  for (const pid of processes()) {
    if (!below.has(parentOf(pid))) continue;
    below.add(pid);
    if (commandLine(pid).includes("sana.cjs")) found.push(pid);
  }
  return found;
}

function processes(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((one, other) => one - other);
}

function commandLine(pid: number): string {
  return read(`/proc/${pid}/cmdline`);
}

/** 0 where the process is gone. */
export function parentOf(pid: number): number {
  return Number(/^PPid:\s*(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}

/** A zombie is not. */
export function isAlive(pid: number): boolean {
  return /^State:\s*[^Z]/m.test(read(`/proc/${pid}/status`));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
