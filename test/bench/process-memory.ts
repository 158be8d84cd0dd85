import { readFileSync } from "node:fs";

/** Bytes. */
export interface PeakMemory {
  /** The most that was resident at once, weights that are mapped from their files included. */
  readonly resident: number;
  /** The most that was resident and belongs to no file: what the system cannot drop and read again. */
  readonly anonymous: number;
}

export interface MemoryWatch {
  stop(): PeakMemory;
}

const POLL_MS = 20;

/** Follows the memory of a process through /proc, which only Linux has. */
export function watchMemory(pid: number | undefined): MemoryWatch {
  const peak = { resident: 0, anonymous: 0 };
  const look = (): void => {
    const status = readStatus(pid);
    // The kernel keeps the peak of the resident memory; that of the anonymous part has to be caught.
    peak.resident = Math.max(peak.resident, field(status, "VmHWM"));
    peak.anonymous = Math.max(peak.anonymous, field(status, "RssAnon"));
  };
  const timer = setInterval(look, POLL_MS);
  return {
    stop: () => {
      look();
      clearInterval(timer);
      return peak;
    },
  };
}

/** Empty once the process is gone. */
function readStatus(pid: number | undefined): string {
  try {
    return readFileSync(`/proc/${String(pid)}/status`, "utf8");
  } catch {
    return "";
  }
}

function field(status: string, name: string): number {
  return 1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1] ?? 0);
}
