/** What the bench asks the probe; each is answered with one line of JSON. Times are in milliseconds. */
export interface ProbeAnswers {
  /** Null until the extension has been activated. */
  activation: ActivationTime | null;
  /** The same of the extension that does nothing. */
  emptyActivation: ActivationTime | null;
  /** The JavaScript files that were loaded from the extension's folder. */
  loadedFiles: string[];
  /** Begins to watch the event loop of the extension host. */
  watchEventLoop: null;
  /** What was watched since then: how late timers came. */
  eventLoopDelay: EventLoopDelay;
  /** Memory of the extension host after its garbage was collected. */
  memory: HostMemory;
  /** What the sidecar sent since this was last asked. */
  sidecarEvents: SidecarEvent[];
}

export interface ActivationTime {
  /** Reading and running the extension's code. */
  readonly loading: number;
  /** The call of its function `activate`. */
  readonly activating: number;
}

export interface EventLoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Bytes. */
export interface HostMemory {
  /** JavaScript's heap, and what it holds outside of it. */
  readonly used: number;
  readonly resident: number;
}

/** A step that is done or a preview, when it arrived at the extension host (Unix time). */
export interface SidecarEvent {
  readonly kind: "step" | "preview";
  readonly step: number;
  readonly at: number;
}
