import { SingleBar } from "cli-progress";
import type { GenerationEvent } from "../pipeline/events";

/** Roughly what each stage takes, in steps of the denoiser, so that the time left covers loading and decoding too. */
const STAGE_WEIGHTS = { "read-prompt": 2, "encode-image": 2, "load-transformer": 2, denoise: 0, decode: 2 };

type Stage = keyof typeof STAGE_WEIGHTS;

const STAGE_NAMES: Record<Stage, string> = {
  "read-prompt": "reading the prompt",
  "encode-image": "reading the picture",
  "load-transformer": "loading the transformer",
  denoise: "first step",
  decode: "decoding",
};

/** A progress bar on stderr; silent where stderr is not a terminal. */
export class Progress {
  private readonly bar: SingleBar | undefined;
  private finishedWeight = 0;
  private runningWeight = 0;

  constructor(run: { stepCount: number; startsFromImage: boolean }) {
    if (!process.stderr.isTTY) return;
    const weights = Object.entries(STAGE_WEIGHTS).filter(([stage]) => stage !== "encode-image" || run.startsFromImage);
    const total = weights.reduce((sum, [, weight]) => sum + weight, run.stepCount);
    this.bar = new SingleBar({
      format: "{bar} {percentage}% | {task} | {eta_formatted} left",
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
      etaBuffer: 5,
    });
    this.bar.start(total, 0, { task: "starting" });
  }

  event(event: GenerationEvent): void {
    if (event.type === "stage") this.advance(STAGE_WEIGHTS[event.stage], STAGE_NAMES[event.stage]);
    if (event.type === "step") {
      this.advance(1, `step ${event.step} of ${event.total}`);
    }
  }

  stop(): void {
    this.bar?.stop();
  }

  /** What ran until now is done; `weight` is what begins. */
  private advance(weight: number, task: string): void {
    this.finishedWeight += this.runningWeight;
    this.runningWeight = weight;
    this.bar?.update(this.finishedWeight, { task });
  }
}
