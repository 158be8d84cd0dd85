import { Socket } from "node:net";
import { parentPort, Worker } from "node:worker_threads";
import { cleanCache } from "../files/cache-folder";
import { removeAbandonedFiles } from "../files/temporary-file";

/** The pipe that the server holds the other end of. */
const LIFELINE_DESCRIPTOR = 4;

/**
 * Ends this process as soon as the server has ended, however that came about. On a thread of its own, because
 * computation blocks the main one for seconds. Returns a function that says where the server will write next.
 */
export function startLifeline(): (folder: string) => void {
  // It keeps this process alive when the channel to the server is gone: it has to clean up first.
  const thread = new Worker(__filename);
  return (folder) => {
    thread.postMessage(folder);
  };
}

/** What that thread does. */
export function watchLifeline(): void {
  const server = process.ppid;
  let folder: string | undefined;
  parentPort!.on("message", (message: string) => (folder = message));
  // A server that was killed while it wrote a file leaves its temporary one behind, and nobody else will clean up after
  // this process.
  const clean = async (): Promise<void> => {
    if (folder !== undefined) await removeAbandonedFiles(folder, { ended: server });
    await cleanCache({ ended: process.pid });
  };
  const end = (): void => {
    void clean().finally(() => process.kill(process.pid, "SIGKILL"));
  };
  const lifeline = new Socket({ fd: LIFELINE_DESCRIPTOR });
  lifeline.on("error", () => undefined);
  lifeline.on("close", end);
  lifeline.resume();
}
