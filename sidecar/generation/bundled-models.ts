import { resolve } from "node:path";
import type { BundledModel } from "../protocol";

const QUALITY = resolve(__dirname, "..", "models");

/** The checkpoints that come with the program, seen from the bundle in dist/. The first is the default. */
export const BUNDLED_MODELS: Readonly<Record<BundledModel, string>> = {
  fast: resolve(QUALITY, "sprint"),
  quality: QUALITY,
};

/** The folder of a model that is named by its folder or, one that comes with the program, by its name. */
export function modelFolder(model: string): string {
  return isBundledModel(model) ? BUNDLED_MODELS[model] : model;
}

/** Whether it is the name of a model that comes with the program. A folder of that name is `./NAME`. */
export function isBundledModel(model: string): model is BundledModel {
  return Object.hasOwn(BUNDLED_MODELS, model);
}
