import type { GenerateParams, GenerateResult, GenerationProgress } from "../../sidecar/protocol";
import { USUAL_MODEL, type Form, type Job } from "./panel-messages";
import { withStyle } from "./prompt-styles";

// The bundled checkpoints' latents are 16×16 to 20×12 and become a preview of this size without waste.
const PREVIEW_SIDE = 256;

/** What the jobs need from around them; `make` is PictureGenerator.generate with an AbortSignal. */
export interface JobSurroundings {
  make(
    params: Omit<GenerateParams, "token">,
    listeners: {
      readonly onProgress: (progress: GenerationProgress) => void;
      readonly onPreview: (png: string) => void;
    },
    signal: AbortSignal,
  ): Promise<GenerateResult>;
  newId(): string;
  pathOf(id: string): string;
  describe(error: unknown): string;
  /** The jobs changed. */
  changed(): void;
  preview(id: string, png: string): void;
  /** The picture's file is on the disk; the job is over when this has resolved. */
  finished(job: Job, result: GenerateResult): Promise<void>;
  /** Called whenever the forms that must survive the window change. */
  remember(pending: readonly PendingJob[]): void;
}

/** What is kept of a picture that was asked for, so that it can be asked for again after a reload. */
export interface PendingJob {
  readonly id: string;
  readonly form: Form;
}

/** The pictures that the panel has asked for and that are not there yet, in the order in which they were asked for. */
export class PanelJobs {
  private jobs: Job[] = [];
  private readonly running = new Map<string, AbortController>();
  private readonly previews = new Map<string, string>();

  constructor(private readonly around: JobSurroundings) {}

  get all(): readonly Job[] {
    return this.jobs;
  }

  /** Whether a picture is still to come. */
  get areBusy(): boolean {
    return this.running.size > 0;
  }

  /** The latest preview of a job. */
  previewOf(id: string): string | undefined {
    return this.previews.get(id);
  }

  /** Asks for as many pictures as the form says, with seeds that count up. Cancelled ones are cleared away. */
  submit(form: Form): void {
    for (const { id } of this.jobs.filter(({ state }) => state === "cancelled")) this.remove(id);
    const added = Array.from({ length: form.count }, (_, index) =>
      newJob(this.around.newId(), { ...form, count: 1, seed: seedAfter(form.seed, index) }),
    );
    this.jobs = [...this.jobs, ...added];
    this.rememberPending();
    for (const job of added) void this.run(job);
  }

  /** Brings back, as failed ones, what was pending when the window went away. */
  restore(pending: readonly PendingJob[], error: string): void {
    const restored = pending.map(({ id, form }): Job => ({ ...newJob(id, form), state: "failed", error }));
    this.jobs = [...restored, ...this.jobs];
    this.around.changed();
  }

  /** Stops a pending job within its step; it stays, as a cancelled one, with its last preview. */
  cancel(id: string): void {
    this.running.get(id)?.abort();
  }

  /** Asks again for a failed or cancelled one: the same seed, the same place. */
  retry(id: string): void {
    const job = this.jobs.find((candidate) => candidate.id === id);
    if (job === undefined || this.running.has(id)) return;
    this.previews.delete(id);
    const again = newJob(id, job.form);
    this.replace(again);
    this.rememberPending();
    void this.run(again);
  }

  /** Takes a failed or cancelled one away. */
  dismiss(id: string): void {
    if (this.running.has(id)) return;
    this.remove(id);
    this.rememberPending();
    this.around.changed();
  }

  private async run({ id, form }: Job): Promise<void> {
    const controller = new AbortController();
    this.running.set(id, controller);
    this.around.changed();
    try {
      const result = await this.around.make(
        parametersOf(form, this.around.pathOf(id)),
        {
          onProgress: (progress) => {
            this.progress(id, progress);
          },
          onPreview: (png) => {
            this.previews.set(id, png);
            this.around.preview(id, png);
          },
        },
        controller.signal,
      );
      await this.around.finished(this.find(id), result);
      this.remove(id);
    } catch (error) {
      if (controller.signal.aborted) this.replace({ ...this.find(id), state: "cancelled", ahead: 0 });
      else this.replace({ ...this.find(id), state: "failed", ahead: 0, error: this.around.describe(error) });
    } finally {
      this.running.delete(id);
      this.rememberPending();
      this.around.changed();
    }
  }

  private progress(id: string, { stage, step, total, fraction, secondsLeft }: GenerationProgress): void {
    const queued = stage === "queued";
    this.replace({
      ...this.find(id),
      state: queued ? "waiting" : "running",
      ahead: queued ? step : 0,
      stage,
      step: queued ? 0 : step,
      total,
      fraction,
      secondsLeft,
    });
    this.around.changed();
  }

  private find(id: string): Job {
    return this.jobs.find((job) => job.id === id)!;
  }

  private replace(job: Job): void {
    this.jobs = this.jobs.map((candidate) => (candidate.id === job.id ? job : candidate));
  }

  private remove(id: string): void {
    this.jobs = this.jobs.filter((job) => job.id !== id);
    this.previews.delete(id);
  }

  /** A cancelled job was not wanted any more; all others must outlive the window. */
  private rememberPending(): void {
    const pending = this.jobs.filter(({ state }) => state !== "cancelled");
    this.around.remember(pending.map(({ id, form }) => ({ id, form })));
  }
}

function newJob(id: string, form: Form): Job {
  return {
    id,
    form,
    state: "waiting",
    ahead: 0,
    stage: "queued",
    step: 0,
    total: 0,
    fraction: 0,
    secondsLeft: null,
    error: null,
  };
}

// The largest seed is followed by 0.
function seedAfter(seed: string, steps: number): string {
  return ((BigInt(seed) + BigInt(steps)) % 2n ** 63n).toString();
}

/** A form as the protocol says it; the picture is written to `path`, over what an interrupted attempt left there. */
export function parametersOf(form: Form, path: string): Omit<GenerateParams, "token"> {
  return {
    prompt: withStyle(form.prompt, form.style),
    negativePrompt: form.negativePrompt,
    model: form.model === USUAL_MODEL ? null : form.model,
    width: form.width,
    height: form.height,
    steps: form.steps,
    guidanceScale: form.guidanceScale,
    seed: form.seed,
    image: form.startImage && { path: form.startImage.path, strength: form.startImage.strength },
    previews: { maxSide: PREVIEW_SIDE },
    output: { path, ifExists: "overwrite" },
  };
}
