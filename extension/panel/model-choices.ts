import type { ModelsResult } from "../../sidecar/protocol";
import { isUsualModel } from "../models/usual-model";
import type { Model } from "./panel-messages";

/** What the sidecar found, as the page needs it: first the settings' model; `setting` is null where they name none. */
export function modelChoices(
  { models }: ModelsResult,
  setting: string | null,
): { models: Model[]; unusable: { folder: string; error: string }[] } {
  const usable = models.flatMap((model) => {
    if ("error" in model) return [];
    const { folder, name, bundled, sprint, sizes, anySize, sizeMultiple, maxSide } = model;
    const { width, height, steps, guidanceScale, strength } = model.defaults;
    const defaults = { width, height, steps, guidanceScale, strength };
    const usual = isUsualModel(model, setting);
    return [{ folder, name, usual, bundled, sprint, sizes, anySize, sizeMultiple, maxSide, defaults }];
  });
  const isUsual = (model: Model): boolean => model.usual;
  return {
    models: [...usable.filter(isUsual), ...usable.filter((model) => !isUsual(model))],
    unusable: models.flatMap((model) =>
      "error" in model ? [{ folder: model.folder, error: model.error.message }] : [],
    ),
  };
}
