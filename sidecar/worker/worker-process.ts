import { fork, type ChildProcess } from "node:child_process";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { SanaError } from "../errors";
import { cleanCache } from "../files/cache-folder";
import type { FinishedPicture, FromWorker, Job, ToWorker, WorkerEvent } from "./messages";

const PROGRAM = join(__dirname, "inference-worker.cjs");

/** A worker that ended. Where it had not begun, another one can take the picture over. */
export class WorkerEndedError extends SanaError {
  constructor(
    message: string,
    readonly hadBegun: boolean,
  ) {
    super("worker-ended", message);
  }
}

/** The picture that a worker is making. */
interface Running {
  /** Whether the worker has said anything about it. */
  began: boolean;
  readonly onEvent: (event: WorkerEvent) => void;
  readonly resolve: (picture: FinishedPicture) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A process that computes. Its networks' memory is given back for certain when it ends, and it can be ended at any
 * moment, also while ONNX Runtime blocks its thread: neither is true of a thread.
 */
export class WorkerProcess {
  private readonly child: ChildProcess;
  private running: Running | undefined;
  private killed = false;
  /** Resident memory when it last said something. */
  residentBytes = 0;
  /** Resolves when the process has ended, whatever ended it, and nothing that it was writing is left. */
  readonly ended: Promise<void>;

  constructor() {
    this.child = fork(PROGRAM, [], {
      // stdout is the protocol's: what a driver prints goes to the log. The last pipe is never written to; it breaks
      // when this process ends, however it ends, and the worker ends with it.
      stdio: ["ignore", 2, 2, "ipc", "pipe"],
      serialization: "advanced",
      execArgv: [],
    });
    this.child.on("message", (message) => {
      this.receive(message as FromWorker);
    });
    this.ended = new Promise((resolve) => {
      const end = async (how: string): Promise<void> => {
        if (this.child.pid !== undefined) await cleanCache({ ended: this.child.pid });
        const { running } = this;
        running?.reject(new WorkerEndedError(`the process that makes the picture ${how}`, running.began));
        this.running = undefined;
        resolve();
      };
      this.child.on("exit", (code, signal) => {
        void end(signal === null ? `ended with exit code ${code ?? "none"}` : `was ended by ${endedBy(signal)}`);
      });
      this.child.on("error", (error) => {
        void end(`could not be started: ${error.message}`);
      });
    });
    this.makePolite();
  }

  /** Whether it takes another picture. */
  get usable(): boolean {
    return !this.killed && this.child.exitCode === null && this.child.signalCode === null && this.child.connected;
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** Makes one picture. Throws what the pipeline throws, and `worker-ended` where the process ends meanwhile. */
  make(job: Job, onEvent: (event: WorkerEvent) => void): Promise<FinishedPicture> {
    return new Promise((resolve, reject) => {
      this.running = { began: false, onEvent, resolve, reject };
      this.send({ type: "make", job });
    });
  }

  /** Asks for an end at the next moment when the worker listens, which is between two steps. */
  cancel(): void {
    this.send({ type: "cancel" });
  }

  /** Ends the process now; resolves when its memory is free. */
  async kill(): Promise<void> {
    this.killed = true;
    this.child.kill("SIGKILL");
    await this.ended;
  }

  private send(message: ToWorker): void {
    // A channel that is closed says so through the process's end.
    if (this.child.connected) this.child.send(message, () => undefined);
  }

  private receive(message: FromWorker): void {
    this.residentBytes = message.residentBytes;
    const { running } = this;
    if (running === undefined) return;
    running.began = true;
    if (message.type === "made" || message.type === "failed") {
      this.running = undefined;
      if (message.type === "made") running.resolve(message.picture);
      else running.reject(failure(message));
    } else {
      running.onEvent(message);
    }
  }

  /** The editor and whatever else the user works with come first. */
  private makePolite(): void {
    try {
      if (this.child.pid !== undefined) setPriority(this.child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    } catch {
      // It has ended already; that is found out otherwise.
    }
  }
}

function failure({ code, message, origin }: Extract<FromWorker, { type: "failed" }>): Error {
  if (code !== undefined) return new SanaError(code, message);
  const error = new Error(message);
  error.stack = origin;
  return error;
}

function endedBy(signal: NodeJS.Signals): string {
  return signal === "SIGKILL" ? "SIGKILL, as the system does when memory runs out" : signal;
}
