import { readFileSync } from "node:fs";
import { freemem } from "node:os";
import { join } from "node:path";

/**
 * Bytes that a process can still use before the system begins to swap or to end processes: what the system has
 * available, and on Linux what the process's control group (a container's limit) leaves of its own. Memory that only
 * caches files counts as available. `root` is the file system's root.
 */
export function availableMemory(root = "/"): number {
  const limits = [process.platform === "linux" ? linuxAvailable(root) : freemem(), ...groupLimits(root)];
  return Math.max(Math.min(...limits), 0);
}

function linuxAvailable(root: string): number {
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(readOptional(join(root, "proc/meminfo")) ?? "")?.[1];
  return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024;
}

/** What every control group that the process is in leaves, version 2 or 1. None where there is no limit. */
function groupLimits(root: string): number[] {
  if (process.platform !== "linux") return [];
  const groups = readOptional(join(root, "proc/self/cgroup")) ?? "";
  const limits: number[] = [];
  for (const line of groups.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (path === undefined) continue;
    const version2 = controllers === "";
    if (!version2 && !controllers!.split(",").includes("memory")) continue;
    const mount = join(root, "sys/fs/cgroup", version2 ? "" : "memory");
    // A limit may stand at any level above; inside a container the path's beginning is not visible.
    for (const folder of levels(mount, path)) {
      const left = groupLeaves(folder, version2);
      if (left !== undefined) limits.push(left);
    }
  }
  return limits;
}

function levels(mount: string, path: string): string[] {
  const names = path.split("/").filter((name) => name !== "" && name !== "..");
  return [mount, ...names.map((_, depth) => join(mount, ...names.slice(0, depth + 1)))];
}

function groupLeaves(folder: string, version2: boolean): number | undefined {
  const [limitFile, usageFile] = version2
    ? ["memory.max", "memory.current"]
    : ["memory.limit_in_bytes", "memory.usage_in_bytes"];
  const [limit, usage] = [readOptional(join(folder, limitFile)), readOptional(join(folder, usageFile))];
  // "max" where there is none; version 1 writes a number that no machine has.
  if (limit === undefined || usage === undefined || !/^\d{1,17}$/.test(limit.trim())) return undefined;
  const statistics = readOptional(join(folder, "memory.stat")) ?? "";
  const cached = ["inactive_file", "active_file"].map((name) =>
    Number(new RegExp(`^(?:total_)?${name} (\\d+)$`, "m").exec(statistics)?.[1] ?? 0),
  );
  return Number(limit) - Number(usage) + cached[0]! + cached[1]!;
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
