import { randomUUID } from "node:crypto";
import * as v from "valibot";
import { GenerateRequest, type GenerateParams, type GenerateResult, type GenerationProgress } from "../protocol";
import { generate, type Studio } from "./generate";
import { Paces } from "./pace";
import { PictureMaker } from "./picture-maker";
import { PictureQueue } from "./picture-queue";

/** What of a studio makes pictures, whoever is told of them. */
export type Workshop = Pick<Studio, "ownModel" | "queue" | "maker" | "paces">;

/** Makes one picture like a client of the server does, and tells its caller alone how far it is. */
export function generateWith(
  workshop: Workshop,
  params: Omit<GenerateParams, "token">,
  context: { signal: AbortSignal; onProgress: (progress: GenerationProgress) => void },
): Promise<GenerateResult> {
  const { ownModel, queue, maker, paces } = workshop;
  const { onProgress, signal } = context;
  const listeners = {
    onProgress: (_: unknown, progress: GenerationProgress) => {
      onProgress(progress);
    },
    onPreview: () => undefined,
  };
  const parsed = v.parse(GenerateRequest.params, { ...params, token: randomUUID() });
  return generate(parsed, signal, { ownModel, queue, maker, paces, ...listeners });
}

/** A workshop of one's own, for a program that is no server. `end` must be called, or the process does not end. */
export function openWorkshop(options: { model: string; idleMs: number }): Workshop & { end: () => Promise<void> } {
  const maker = new PictureMaker({ idleMs: options.idleMs, onChange: () => undefined, log: () => undefined });
  return {
    ownModel: options.model,
    queue: new PictureQueue(() => undefined),
    maker,
    paces: new Paces(),
    end: () => maker.end(),
  };
}
