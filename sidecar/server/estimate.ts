import type * as v from "valibot";
import { availableMemory } from "../generation/available-memory";
import { modelFolder } from "../generation/bundled-models";
import { pictureNeed, requireMemory } from "../generation/picture-need";
import type { EstimateRequest, EstimateResult } from "../protocol";
import { fingerprintOf } from "./fingerprint";
import { paceKinds, totalSeconds, type Paces } from "./pace";
import type { PictureMaker } from "./picture-maker";

/** Throws `insufficient-memory` where a picture needs more than is free. Networks that are loaded give way first. */
export async function makeRoom(neededBytes: number, maker: PictureMaker): Promise<void> {
  if (neededBytes > availableMemory()) await maker.unload();
  requireMemory(neededBytes);
}

/** Answers `sana/estimate`. */
export async function estimate(
  params: v.InferOutput<(typeof EstimateRequest)["params"]>,
  server: { ownModel: string; maker: PictureMaker; paces: Paces },
): Promise<EstimateResult> {
  const folder = modelFolder(params.model ?? server.ownModel);
  const cost = { ...params, startsFromImage: params.image !== null, strength: params.image?.strength };
  const need = await pictureNeed(folder, cost);
  const freeBytes = availableMemory() + server.maker.workerBytes;
  const key = modelKey(params, await fingerprintOf(folder));
  const kinds = paceKinds(key, server.maker.model?.key === key);
  const pace = { pixels: need.generationSize.width * need.generationSize.height, steps: need.steps };
  const durations = server.paces.expect(kinds[0], pace) ?? server.paces.expect(kinds[1], pace);
  return {
    neededBytes: need.bytes,
    freeBytes,
    fits: need.bytes <= freeBytes,
    seconds: durations === undefined ? null : totalSeconds(durations),
    generationSize: need.generationSize,
  };
}

/** Changes with everything that needs other networks. */
export function modelKey(wish: { provider: string; precision: string }, fingerprint: string): string {
  return [wish.provider, wish.precision, fingerprint].join("\n");
}
