import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { ERROR_CODES, type GenerateParams, type GenerationProgress } from "../../sidecar/protocol";
import { errorOf, ServerClient, type PictureRecord } from "../server/server-client";
import { childrenOf, until } from "../server/workshop";
import { withPlayground, type Playground } from "./playground";
import type { Random } from "./random";

/** `load` is everything that is done before a new worker can begin with the steps, in which it also reads the prompt. */
const MOMENTS = ["load", "read-prompt", "steps", "decode"] as const;
type Moment = (typeof MOMENTS)[number];

export interface Cancellation {
  readonly moment: Moment;
  /** From the cancellation to the answer. */
  readonly delayMs: number;
  /** The longest of the picture's steps, or of an undisturbed picture's where it had none yet. */
  readonly stepMs: number;
  /** How much longer the next picture took than one for which everything was loaded. */
  readonly nextExtraMs: number;
  /** Whether the same worker, with its networks, made the next one. */
  readonly workerStayed: boolean;
}

type Picture = Omit<GenerateParams, "token" | "output">;

/**
 * Cancels `count` pictures, in turns while networks are loaded, while the prompt is read, during steps and during
 * decoding, each at a random moment of that time. After each one there is no file, and the next picture is made.
 */
export async function cancelAtRandomMoments({
  count,
  picture,
  random,
}: {
  count: number;
  picture: Picture;
  random: Random;
}): Promise<Cancellation[]> {
  return withPlayground(async (playground) => {
    const client = new ServerClient({ env: playground.env });
    try {
      await client.initialize();
      const cancellations: Cancellation[] = [];
      const usual = await undisturbed(client, playground, picture);
      // A picture may be finished just before; that one does not count. It happens seldom.
      for (let attempt = 0; cancellations.length < count; attempt += 1) {
        assert.ok(attempt < 3 * count + 10, "most pictures are finished before they can be cancelled");
        const moment = MOMENTS[cancellations.length % MOMENTS.length]!;
        const cancellation = await cancelOnce(client, { playground, picture, moment, random, usual });
        if (cancellation !== undefined) cancellations.push(cancellation);
      }
      assert.equal(await client.stop(), 0);
      assert.doesNotMatch(client.log, /\[error\]/);
      return cancellations;
    } finally {
      client.kill();
    }
  });
}

interface Usual {
  /** How long each time lasts, `load` from the request to the first step. */
  readonly lasts: Readonly<Record<Moment, number>>;
  readonly stepMs: number;
  readonly nextMs: number;
}

async function cancelOnce(
  client: ServerClient,
  context: { playground: Playground; picture: Picture; moment: Moment; random: Random; usual: Usual },
): Promise<Cancellation | undefined> {
  const { playground, moment, random, usual } = context;
  if (moment === "load") await client.request("sana/unload");
  const path = join(playground.pictures, "cancelled.png");
  const { result, record, cancel } = client.generate({ ...context.picture, output: { path } });
  result.catch(() => undefined);
  if (moment !== "load") await reaches(record, moment);
  await wait(random.number() * usual.lasts[moment]);
  const worker = childrenOf(client.process.pid!)[0];
  const cancelled = performance.now();
  const at = momentOf(record.progress.at(-1)?.value.stage);
  cancel();
  const error = await errorOf(result).catch(() => undefined);
  const delayMs = performance.now() - cancelled;
  // Once the file is being written, the picture is finished.
  playground.assertOnly(error === undefined ? ["cancelled.png"] : [], `cancelled during ${at ?? "save"}`);
  playground.clear();
  if (error !== undefined) assert.equal(error.code, ERROR_CODES.cancelled);

  const nextMs = await next(client, playground, context.picture);
  if (error === undefined || at === undefined) return undefined;
  const workerStayed = childrenOf(client.process.pid!)[0] === worker;
  const stepMs = longestStep(record) ?? usual.stepMs;
  return { moment: at, delayMs, stepMs, nextExtraMs: nextMs - usual.nextMs, workerStayed };
}

/** Undefined where the picture is all but finished. */
function momentOf(stage: GenerationProgress["stage"] | undefined): Moment | undefined {
  if (stage === "read-image" || stage === "save") return undefined;
  return stage === undefined || stage === "queued" ? "load" : stage;
}

/** Makes a picture of two steps and removes it. Returns how long it took. */
async function next(client: ServerClient, playground: Playground, picture: Picture): Promise<number> {
  const started = performance.now();
  const path = join(playground.pictures, "next.png");
  await client.generate({ ...picture, steps: 2, output: { path } }).result;
  const took = performance.now() - started;
  playground.assertOnly(["next.png"], "the next picture");
  playground.clear();
  return took;
}

async function undisturbed(client: ServerClient, playground: Playground, picture: Picture): Promise<Usual> {
  const make = async (name: string): Promise<{ started: number; record: PictureRecord }> => {
    const started = performance.now();
    const { result, record } = client.generate({ ...picture, output: { path: join(playground.pictures, name) } });
    await result;
    return { started, record };
  };
  const cold = await make("cold.png");
  const warm = await make("warm.png");
  playground.clear();
  const times = [await next(client, playground, picture), await next(client, playground, picture)];
  const begins = (record: PictureRecord, stage: GenerationProgress["stage"]): number =>
    record.progress.find(({ value }) => value.stage === stage)!.time;
  const promptRead = warm.record.progress.findLast(({ value }) => value.stage === "load")!.time;
  return {
    lasts: {
      load: begins(cold.record, "steps") - cold.started,
      "read-prompt": promptRead - begins(warm.record, "read-prompt"),
      steps: begins(warm.record, "decode") - begins(warm.record, "steps"),
      decode: begins(warm.record, "save") - begins(warm.record, "decode"),
    },
    stepMs: longestStep(warm.record)!,
    nextMs: Math.min(...times),
  };
}

function reaches(record: PictureRecord, stage: GenerationProgress["stage"]): Promise<void> {
  return until(() => record.progress.some(({ value }) => value.stage === stage), `${stage} is reached`);
}

/** Undefined where fewer than two were done. */
function longestStep({ progress }: PictureRecord): number | undefined {
  const times = progress.filter(({ value }) => value.stage === "steps").map(({ time }) => time);
  return times.length < 3 ? undefined : Math.max(...times.slice(1).map((time, i) => time - times[i]!));
}
