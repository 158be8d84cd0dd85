import { SanaError } from "../errors";
import { Inference } from "./inference";
import { startLifeline } from "./lifeline";
import type { FromWorker, Job, ToWorker } from "./messages";

type WithoutMemory<Message> = Message extends unknown ? Omit<Message, "residentBytes"> : never;

/** Makes the pictures that the server asks for, one at a time, until the process is ended. */
export function serveJobs(): void {
  const announceFolder = startLifeline();
  const inference = new Inference();
  let cancellation = new AbortController();

  const send = (message: WithoutMemory<FromWorker>): void => {
    // Where the server has gone, the lifeline ends this process.
    process.send?.({ ...message, residentBytes: process.memoryUsage.rss() }, undefined, undefined, () => undefined);
  };
  const make = async (job: Job): Promise<void> => {
    cancellation = new AbortController();
    announceFolder(job.folder);
    try {
      const picture = await inference.make(job, cancellation.signal, send);
      send({ type: "made", picture });
    } catch (error) {
      send(failure(error));
    }
  };
  process.on("message", (message: ToWorker) => {
    if (message.type === "cancel") cancellation.abort(new SanaError("cancelled", "the picture was cancelled"));
    else void make(message.job);
  });
}

function failure(error: unknown): WithoutMemory<Extract<FromWorker, { type: "failed" }>> {
  if (error instanceof SanaError) return { type: "failed", code: error.code, message: error.message, origin: "" };
  const message = error instanceof Error ? error.message : String(error);
  // ONNX Runtime and V8 each have their own words for it.
  if (/bad_alloc|bad allocation|[Ff]ailed to allocate memory|Array buffer allocation failed/.test(message)) {
    const text = "memory ran out while the picture was made";
    return { type: "failed", code: "insufficient-memory", message: text, origin: "" };
  }
  return { type: "failed", code: undefined, message, origin: error instanceof Error ? (error.stack ?? "") : "" };
}
