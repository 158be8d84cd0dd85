import { dirname, resolve } from "node:path";
import type * as v from "valibot";
import { checkOutputTargets, writeOutputFiles, type IfExists, type OutputTarget } from "../files/output-file";
import { modelFolder } from "../generation/bundled-models";
import { pictureNeed } from "../generation/picture-need";
import { parseSeed, randomSeed } from "../pipeline/seed";
import type { GenerateNotice, GenerateRequest, GenerateResult, GenerationProgress, Preview } from "../protocol";
import type { FinishedPicture, Job, WorkerEvent } from "../worker/messages";
import { makeRoom, modelKey } from "./estimate";
import { fingerprintOf } from "./fingerprint";
import { paceKinds, ProgressMeter, type Paces } from "./pace";
import type { PictureMaker } from "./picture-maker";
import type { PictureQueue } from "./picture-queue";

type Params = v.InferOutput<(typeof GenerateRequest)["params"]>;

const IF_EXISTS: Record<Params["output"]["ifExists"], IfExists> = {
  error: "refuse",
  number: "number",
  overwrite: "replace",
};

/** What makes pictures, and who is told. */
export interface Studio {
  readonly ownModel: string;
  readonly queue: PictureQueue;
  readonly maker: PictureMaker;
  readonly paces: Paces;
  readonly onProgress: (token: Params["token"], progress: GenerationProgress) => void;
  readonly onPreview: (preview: Preview) => void;
}

/**
 * Makes one picture from its place in the queue to its file. Until the file is being written, a cancellation leaves
 * nothing behind; from then on, which takes milliseconds, the picture is finished.
 */
export async function generate(params: Params, signal: AbortSignal, studio: Studio): Promise<GenerateResult> {
  const arrived = performance.now();
  const target: OutputTarget = { path: params.output.path, ifExists: IF_EXISTS[params.output.ifExists] };
  const job = jobOf(params, studio.ownModel);
  // What is wrong with it should not be found out behind other pictures; its place is taken before that is known.
  const checked = checkOutputTargets([target]);
  const { queue, onProgress } = studio;
  return queue.run(params.token, { signal, checked }, async () => {
    const queued = (performance.now() - arrived) / 1000;
    const finished = await make(params, { job, signal, studio });
    const writing = performance.now();
    const [path] = await writeOutputFiles([{ ...target, bytes: finished.picture.png }]);
    const saving = (performance.now() - writing) / 1000;
    onProgress(params.token, { stage: "save", step: 0, total: 0, fraction: 1, secondsLeft: 0 });
    return resultOf(finished, { path: resolve(path!), queued, saving });
  });
}

async function make(
  params: Params,
  { job, signal, studio }: { job: Omit<Job, "neededBytes">; signal: AbortSignal; studio: Studio },
): Promise<{ picture: FinishedPicture; notices: GenerateNotice[]; seconds: number }> {
  const { maker, paces } = studio;
  const began = performance.now();
  const cost = { ...job.options, precision: params.precision, startsFromImage: params.image !== null };
  const { bytes: neededBytes, generationSize, steps } = await pictureNeed(job.model, cost);
  await makeRoom(neededBytes, maker);
  const size = { pixels: generationSize.width * generationSize.height, steps };
  const key = modelKey(params, await fingerprintOf(job.model));
  const kinds = paceKinds(key, maker.model?.key === key);
  const notices: GenerateNotice[] = [];
  const meter = new ProgressMeter(paces.expect(kinds[0], size) ?? paces.expect(kinds[1], size), size.steps);
  const onEvent = (event: WorkerEvent): void => {
    if (event.type === "notice") notices.push(event.notice);
    const progress = meter.take(event);
    if (progress !== undefined) studio.onProgress(params.token, progress);
    if (event.type === "step" && event.preview !== null) {
      const { width, height, png } = event.preview;
      const { step, total } = event;
      const base64 = Buffer.from(png.buffer, png.byteOffset, png.byteLength).toString("base64");
      studio.onPreview({ token: params.token, step, total, width, height, png: base64 });
    }
  };
  const picture = await maker.make({ ...job, neededBytes }, key, { signal, onEvent });
  const seconds = (performance.now() - began) / 1000;
  paces.record(kinds[0], size, { ...picture.timings, start: seconds - picture.timings.total });
  return { picture, notices, seconds };
}

/** Throws `invalid-parameter` for a seed that is too large. */
function jobOf(params: Params, ownModel: string): Omit<Job, "neededBytes"> {
  const { negativePrompt, width, height, steps, guidanceScale, scheduler, image } = params;
  return {
    model: modelFolder(params.model ?? ownModel),
    options: {
      prompt: params.prompt,
      negativePrompt,
      seed: params.seed === null ? randomSeed() : parseSeed(params.seed),
      humanInstruction: params.humanInstruction,
      resolutionBinning: params.resolutionBinning,
      vaeTiling: params.vaeTiling,
      ...(width === null ? {} : { width }),
      ...(height === null ? {} : { height }),
      ...(steps === null ? {} : { steps }),
      ...(guidanceScale === null ? {} : { guidanceScale }),
      ...(scheduler === null ? {} : { scheduler }),
      ...(image === null ? {} : { image: image.path }),
      ...(image?.strength == null ? {} : { strength: image.strength }),
    },
    provider: params.provider,
    precision: params.precision,
    previewSide: params.previews?.maxSide ?? null,
    metadata: params.metadata,
    folder: dirname(params.output.path),
  };
}

function resultOf(
  { picture, notices, seconds }: { picture: FinishedPicture; notices: GenerateNotice[]; seconds: number },
  file: { path: string; queued: number; saving: number },
): GenerateResult {
  const { seed, width, height, steps, guidanceScale, scheduler, model, modelHash } = picture.parameters;
  const { save = 0, total, ...phases } = picture.timings;
  const rounded = (value: number): number => Math.round(value * 1000) / 1000;
  return {
    path: file.path,
    seed: String(seed),
    width,
    height,
    steps,
    guidanceScale,
    scheduler: scheduler as GenerateResult["scheduler"],
    model,
    modelHash,
    provider: picture.compute.provider,
    precision: picture.compute.precision,
    timings: {
      queued: rounded(file.queued),
      start: rounded(seconds - total),
      ...phases,
      save: rounded(save + file.saving),
      total: rounded(file.queued + seconds + file.saving),
    },
    notices,
  };
}
