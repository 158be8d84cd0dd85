import { SanaError } from "../errors";
import { throwIfCancelled } from "../pipeline/guards";
import type { Compute } from "../runtime/compute";
import type { FinishedPicture, Job, WorkerEvent, WorkerStage } from "../worker/messages";
import { WorkerEndedError, WorkerProcess } from "../worker/worker-process";
import type { Log } from "./log";

/** How long a cancelled worker may take to stop by itself before it is ended. */
const PATIENCE_MS = 150;
/** The same during steps, which are worth waiting for: the networks stay loaded then. A hung driver is not. */
const STEP_PATIENCE_MS = 15_000;

/** A checkpoint that a worker has loaded. `key` changes with everything that would need other networks. */
export interface LoadedModel {
  readonly key: string;
  readonly folder: string;
  readonly name: string;
  readonly compute: Compute;
}

export type MakerState = "idle" | "loading" | "generating";

/** Makes one picture after the other in a worker process, which it starts, keeps while it is useful, and ends. */
export class PictureMaker {
  private worker: WorkerProcess | undefined;
  private loaded: LoadedModel | undefined;
  private stage: WorkerStage | undefined;
  private idleTimer: NodeJS.Timeout | undefined;
  /** Settled when no worker that was told to end still holds memory. */
  private ending: Promise<void> = Promise.resolve();

  constructor(private readonly options: { idleMs: number; onChange: () => void; log: Log }) {}

  get state(): MakerState {
    if (this.stage === undefined) return "idle";
    return this.stage === "load" ? "loading" : "generating";
  }

  /** Undefined where no network is loaded. */
  get model(): LoadedModel | undefined {
    return this.loaded;
  }

  get workerBytes(): number {
    return this.worker?.usable === true ? this.worker.residentBytes : 0;
  }

  /**
   * Makes a picture with the model of that key. One call at a time. Throws `cancelled` as soon as the picture is given
   * up: within the running step, or by ending the worker where something else is under way.
   */
  async make(
    job: Job,
    key: string,
    context: { signal: AbortSignal; onEvent: (event: WorkerEvent) => void },
  ): Promise<FinishedPicture> {
    clearTimeout(this.idleTimer);
    this.enter("load");
    try {
      if (this.loaded !== undefined && this.loaded.key !== key) await this.endWorker("another model was asked for");
      await this.ending;
      try {
        return await this.makeWith(this.usableWorker(), job, { ...context, key });
      } catch (error) {
        if (!(error instanceof WorkerEndedError) || error.hadBegun) throw error;
        // It had ended before it was asked, which was not known yet.
        return await this.makeWith(this.usableWorker(), job, { ...context, key });
      }
    } finally {
      this.enter(undefined);
      this.idleTimer = setTimeout(() => {
        void this.endWorker("nothing was asked for");
      }, this.options.idleMs);
      this.idleTimer.unref();
    }
  }

  /** Ends the worker. Resolves when its memory is free; false where there was nothing to end. */
  async unload(): Promise<boolean> {
    const wasLoaded = this.loaded !== undefined;
    await this.endWorker("unloading was asked for");
    return wasLoaded;
  }

  /** Ends the worker for good: the server is about to end. */
  async end(): Promise<void> {
    clearTimeout(this.idleTimer);
    await this.endWorker("the server ends");
    await this.ending;
  }

  private async makeWith(
    worker: WorkerProcess,
    job: Job,
    context: { signal: AbortSignal; onEvent: (event: WorkerEvent) => void; key: string },
  ): Promise<FinishedPicture> {
    const { signal } = context;
    let patience: NodeJS.Timeout | undefined;
    let giveUp: (error: SanaError) => void = () => undefined;
    const givenUp = new Promise<never>((_, reject) => (giveUp = reject));
    const cancel = (): void => {
      worker.cancel();
      const end = (): void => {
        giveUp(new SanaError("cancelled", "the picture was cancelled"));
        // The next one is ready sooner where a process waits for it.
        void this.endWorker("a picture was cancelled").then(() => this.usableWorker());
      };
      patience = setTimeout(end, this.stage === "steps" ? STEP_PATIENCE_MS : PATIENCE_MS);
    };
    throwIfCancelled(signal);
    signal.addEventListener("abort", cancel);
    try {
      const making = worker.make(job, (event) => {
        if (signal.aborted) return;
        if (event.type === "stage") this.enter(event.stage);
        if (event.type === "ready") {
          this.loaded = { key: context.key, folder: job.model, name: event.name, compute: event.compute };
          this.options.onChange();
        }
        context.onEvent(event);
      });
      const picture = await Promise.race([making, givenUp]);
      throwIfCancelled(signal);
      return picture;
    } finally {
      signal.removeEventListener("abort", cancel);
      clearTimeout(patience);
    }
  }

  private usableWorker(): WorkerProcess {
    if (this.worker?.usable === true) return this.worker;
    const worker = new WorkerProcess();
    const started = performance.now();
    this.worker = worker;
    this.options.log("info", `worker ${worker.pid ?? "?"} started`);
    void worker.ended.then(() => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      this.options.log("info", `worker ${worker.pid ?? "?"} ended after ${seconds} s`);
      if (this.worker !== worker) return;
      this.worker = undefined;
      this.forget();
    });
    return worker;
  }

  private async endWorker(reason: string): Promise<void> {
    const { worker } = this;
    if (worker === undefined) return;
    this.options.log("info", `ending worker ${worker.pid ?? "?"}: ${reason}`);
    this.worker = undefined;
    this.forget();
    this.ending = worker.kill();
    await this.ending;
  }

  private forget(): void {
    if (this.loaded === undefined) return;
    this.loaded = undefined;
    this.options.onChange();
  }

  private enter(stage: WorkerStage | undefined): void {
    const before = this.state;
    this.stage = stage;
    if (this.state !== before) this.options.onChange();
  }
}
