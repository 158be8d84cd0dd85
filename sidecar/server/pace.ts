import type { Timings } from "../generation/timings";
import type { GenerationProgress } from "../protocol";
import type { WorkerEvent } from "../worker/messages";

/** What the time of a picture depends on. */
export interface PictureSize {
  readonly pixels: number;
  readonly steps: number;
}

/** `start`: until the worker has the job. */
type Phase = "start" | keyof Omit<ReturnType<Timings["seconds"]>, "total">;
type Durations = Readonly<Record<Phase, number>>;

/** Where nothing is known: each phase in steps of the denoiser, roughly. */
const ASSUMED: Durations = { start: 1, check: 1, prompt: 2, image: 0, load: 2, steps: 1, decode: 2, save: 0.5 };

/** How long pictures of each model took in this session, from the last one of its kind. */
export class Paces {
  private readonly known = new Map<string, { size: PictureSize; durations: Durations }>();

  /** `kind` names what makes times comparable: model, provider, and whether it was loaded already. */
  record(kind: string, size: PictureSize, seconds: Partial<Durations>): void {
    const { start = 0, check = 0, prompt = 0, image = 0, load = 0, steps = 0, decode = 0, save = 0 } = seconds;
    this.known.set(kind, { size, durations: { start, check, prompt, image, load, steps, decode, save } });
  }

  /** Seconds by phase for a picture of that size; undefined where no picture of that kind was made yet. */
  expect(kind: string, size: PictureSize): Durations | undefined {
    const known = this.known.get(kind);
    if (known === undefined) return undefined;
    const scale = size.pixels / known.size.pixels;
    const { durations } = known;
    const stepScale = (scale * size.steps) / known.size.steps;
    return {
      ...durations,
      image: durations.image * scale,
      steps: durations.steps * stepScale,
      decode: durations.decode * scale,
      save: durations.save * scale,
    };
  }
}

/**
 * Pictures of one kind take times that can be compared: made with the same networks, loaded beforehand or not. The kind
 * of the next picture comes first, then the one that comes nearest to it.
 */
export function paceKinds(modelKey: string, loaded: boolean): readonly [string, string] {
  const [warm, cold] = [`${modelKey} warm`, `${modelKey} cold`];
  return loaded ? [warm, cold] : [cold, warm];
}

/** Seconds of all phases together. */
export function totalSeconds(durations: Durations): number {
  return Object.values(durations).reduce((sum, seconds) => sum + seconds, 0);
}

/** The phases in the order in which they run. Those before a picture's first step are entered by its stages. */
const ORDER: readonly Phase[] = ["start", "check", "prompt", "image", "load", "steps", "decode", "save"];

/** How far one picture is, told from the worker's events. */
export class ProgressMeter {
  private phase: Phase = "start";
  private steps = { done: 0, total: 0 };
  private fraction = 0;
  private readonly started = performance.now();
  private phaseStarted = this.started;
  /** Seconds of this picture's own steps. */
  private stepSeconds: number | undefined;

  /** `expected` is what earlier pictures let expect; without it, times are unknown until the first step is done. */
  constructor(
    private readonly expected: Durations | undefined,
    private readonly plannedSteps: number,
  ) {}

  /** Undefined where the event does not move the picture on. */
  take(event: WorkerEvent): GenerationProgress | undefined {
    if (event.type === "notice" || event.type === "ready") return undefined;
    if (event.type === "step") {
      if (this.phase !== "steps") this.enter("steps");
      this.steps = { done: event.step, total: event.total };
      this.stepSeconds = (performance.now() - this.phaseStarted) / 1000 / event.step;
      return this.progress("steps");
    }
    if (event.stage === "load") {
      this.enter(this.phase === "start" ? "check" : "load");
    } else {
      this.enter(PHASES[event.stage]);
    }
    return this.progress(event.stage);
  }

  private enter(phase: Phase): void {
    this.phase = phase;
    this.phaseStarted = performance.now();
  }

  private progress(stage: GenerationProgress["stage"]): GenerationProgress {
    const stepCount = this.steps.total || this.plannedSteps;
    const durations = this.expected ?? { ...ASSUMED, steps: ASSUMED.steps * stepCount };
    const partOfSteps = this.phase === "steps" ? this.steps.done / stepCount : 0;
    const position = ORDER.indexOf(this.phase);
    let done = durations.steps * partOfSteps;
    for (const phase of ORDER.slice(0, position)) done += durations[phase];
    const total = totalSeconds(durations);
    // Another pace than expected must not move the bar backwards.
    this.fraction = Math.max(this.fraction, total > 0 ? Math.min(done / total, 1) : 0);
    const inSteps = stage === "steps";
    return {
      stage,
      step: inSteps ? this.steps.done : 0,
      total: inSteps ? stepCount : 0,
      fraction: this.fraction,
      secondsLeft: this.secondsLeft(total - done, durations.steps / stepCount),
    };
  }

  /** `work` and `stepWork` are in seconds where the pace is known, else in steps. */
  private secondsLeft(work: number, stepWork: number): number | null {
    if (this.stepSeconds === undefined) return this.expected === undefined ? null : work;
    return stepWork > 0 ? (work * this.stepSeconds) / stepWork : null;
  }
}

const PHASES = {
  "read-prompt": "prompt",
  "read-image": "image",
  steps: "steps",
  decode: "decode",
  save: "save",
} as const;
