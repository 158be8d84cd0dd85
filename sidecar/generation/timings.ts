import type { GenerationEvent } from "../pipeline/events";

type Phase = "check" | "prompt" | "image" | "load" | "steps" | "decode" | "save";

/** Where the time of a run went, in seconds since the object was made. */
export class Timings {
  private readonly started = performance.now();
  private last = this.started;
  private readonly phases: Partial<Record<Phase, number>> = {};
  private running: Phase = "check";

  /** Everything since the last mark was `phase`. */
  mark(phase: Phase): void {
    const now = performance.now();
    this.phases[phase] = (this.phases[phase] ?? 0) + (now - this.last) / 1000;
    this.last = now;
  }

  /** A pipeline's event ends the phase that ran before it. */
  event(event: GenerationEvent): void {
    if (event.type === "stage") {
      if (event.stage !== "read-prompt") this.mark(this.running);
      this.running = PHASE_OF_STAGE[event.stage];
    } else if (event.type === "step") {
      this.mark("steps");
      this.running = "steps";
    }
  }

  seconds(): Partial<Record<Phase, number>> & { total: number } {
    const rounded = Object.entries(this.phases).map(([phase, value]) => [phase, Math.round(value * 1000) / 1000]);
    const total = Math.round(this.last - this.started) / 1000;
    return { ...(Object.fromEntries(rounded) as Partial<Record<Phase, number>>), total };
  }
}

const PHASE_OF_STAGE = {
  "read-prompt": "prompt",
  "encode-image": "image",
  "load-transformer": "load",
  denoise: "steps",
  decode: "decode",
} as const;
