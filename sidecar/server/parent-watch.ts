import { systemErrorCode } from "../files/system-error";

const INTERVAL_MS = 500;

/** Calls `onEnd` once when that process does not exist any more. */
export function watchProcess(processId: number, onEnd: () => void): void {
  const timer = setInterval(() => {
    try {
      process.kill(processId, 0);
    } catch (error) {
      // A process of another user exists.
      if (systemErrorCode(error) === "EPERM") return;
      clearInterval(timer);
      onEnd();
    }
  }, INTERVAL_MS);
  timer.unref();
}
