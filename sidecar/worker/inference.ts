import { setImmediate } from "node:timers/promises";
import { availableMemory } from "../generation/available-memory";
import { openModel, type OpenModel } from "../generation/open-model";
import { previewMatrixOf } from "../generation/preview-matrix";
import { prepareRun, type Run } from "../generation/run";
import { Timings } from "../generation/timings";
import { writeParameters } from "../image/generation-parameters";
import { renderPreview } from "../image/latent-preview";
import { tensorToRgb } from "../image/pixels";
import { encodePng } from "../image/png-encoder";
import type { GenerationEvent, GenerationResult } from "../pipeline/events";
import { throwIfCancelled } from "../pipeline/guards";
import { KeptModels } from "../pipeline/kept-models";
import { orInFloat32, type Compute, type ComputeChoice } from "../runtime/compute";
import { chooseCompute } from "../runtime/execution-provider";
import type { FloatTensor } from "../tensor/float-tensor";
import type { FinishedPicture, Job, SmallPicture, WorkerEvent, WorkerStage } from "./messages";

type StageEvent = Extract<GenerationEvent, { type: "stage" }>["stage"];

const STAGES: Record<StageEvent, WorkerStage> = {
  "read-prompt": "read-prompt",
  "encode-image": "read-image",
  "load-transformer": "load",
  denoise: "steps",
  decode: "decode",
};

type Preview = (clean: FloatTensor) => SmallPicture | null;
type Report = (event: WorkerEvent) => void;

/** A model with networks that stay loaded. */
interface KeptModel {
  readonly folder: string;
  readonly choice: ComputeChoice;
  readonly open: OpenModel;
  readonly networks: KeptModels;
}

interface Attempt {
  readonly run: Run;
  readonly result: GenerationResult;
  readonly compute: Compute;
}

/**
 * Makes pictures with one checkpoint, whose networks stay loaded from one to the next. For another checkpoint the
 * server starts another worker, because ONNX Runtime does not give all of a released network's memory back.
 */
export class Inference {
  private kept: KeptModel | undefined;
  /** What must be free besides for a network to stay loaded. */
  private neededBytes = 0;

  async make(job: Job, signal: AbortSignal, report: Report): Promise<FinishedPicture> {
    const timings = new Timings();
    report({ type: "stage", stage: "load" });
    this.neededBytes = job.neededBytes;
    const chosen = await chooseCompute(job);
    if (this.kept === undefined && chosen.notice !== undefined) {
      report({ type: "notice", notice: { kind: "provider-choice", message: chosen.notice } });
    }
    const { run, result, compute } = await orInFloat32<ComputeChoice, Attempt>(
      chosen,
      (choice) => this.attempt(job, choice, { signal, report, timings }),
      (message) => {
        report({ type: "notice", notice: { kind: "precision-fallback", message } });
      },
    );

    report({ type: "stage", stage: "save" });
    await setImmediate();
    throwIfCancelled(signal);
    const png = encodePng(tensorToRgb(result.image));
    const picture = job.metadata ? writeParameters(png, run.parameters) : png;
    timings.mark("save");
    return { png: picture, parameters: run.parameters, compute, timings: timings.seconds() };
  }

  private async attempt(
    job: Job,
    choice: ComputeChoice,
    context: { signal: AbortSignal; report: Report; timings: Timings },
  ): Promise<Attempt> {
    const { signal, report, timings } = context;
    const model = await this.openKept(job.model, choice, report);
    const run = await prepareRun({ ...job.options, model }, signal);
    const { provider, precision } = model.compute;
    const compute = { provider, precision };
    report({ type: "ready", name: run.parameters.model, compute });
    const preview = await previewOf(run, job.previewSide);
    timings.mark("check");
    return { run, result: await follow(run, { ...context, preview }), compute };
  }

  private async openKept(folder: string, choice: ComputeChoice, report: Report): Promise<OpenModel> {
    const { kept } = this;
    const { provider, precision } = choice;
    if (kept?.folder === folder && kept.choice.provider === provider && kept.choice.precision === precision) {
      return kept.open;
    }
    await kept?.networks.release();
    this.kept = undefined;
    const open = await openModel(folder, choice, (message) => {
      report({ type: "notice", notice: { kind: "converting", message } });
    });
    const networks = new KeptModels(open.models, () => availableMemory() >= this.neededBytes);
    this.kept = { folder, choice, networks, open: { ...open, models: networks } };
    return this.kept.open;
  }
}

async function previewOf(run: Run, longestSide: number | null): Promise<Preview> {
  if (longestSide === null) return () => null;
  const matrix = await previewMatrixOf(run, () => undefined);
  return (clean) => {
    const image = renderPreview(clean, { matrix, longestSide });
    return { width: image.width, height: image.height, png: encodePng(image) };
  };
}

/** Runs the pipeline to its end, passing on what happens. */
async function follow(
  run: Run,
  context: { signal: AbortSignal; report: Report; timings: Timings; preview: Preview },
): Promise<GenerationResult> {
  const { report, timings } = context;
  for (;;) {
    const next = await run.events.next();
    if (next.done) {
      timings.mark("decode");
      return next.value;
    }
    const event = next.value;
    timings.event(event);
    if (event.type === "stage") {
      report({ type: "stage", stage: STAGES[event.stage] });
    } else if (event.type === "prompt-truncated") {
      const kind = event.prompt === "prompt" ? "prompt-truncated" : "negative-prompt-truncated";
      const message = `the ${event.prompt} is longer than the model reads; its end was cut off`;
      report({ type: "notice", notice: { kind, message } });
    } else {
      report({ type: "step", step: event.step, total: event.total, preview: context.preview(event.predictedClean) });
    }
    // The networks block this thread; here messages go out, and a cancellation that came meanwhile is taken in.
    await setImmediate();
  }
}
