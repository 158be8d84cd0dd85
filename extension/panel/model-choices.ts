import type { ModelsResult } from "../../sidecar/protocol";
import type { Model } from "./panel-messages";

/** What the sidecar found, as the page needs it: first the settings' model, `usual` (null: the bundled one). */
export function modelChoices(
  { models }: ModelsResult,
  usual: string | null,
): { models: Model[]; unusable: { folder: string; error: string }[] } {
  const usable = models.flatMap((model) => {
    if ("error" in model) return [];
    const { folder, name, sprint, sizes, anySize, sizeMultiple, maxSide } = model;
    const { width, height, steps, guidanceScale, strength } = model.defaults;
    const defaults = { width, height, steps, guidanceScale, strength };
    const isUsual = usual === null ? model.bundled : folder === usual;
    return [{ folder, name, usual: isUsual, sprint, sizes, anySize, sizeMultiple, maxSide, defaults }];
  });
  const isUsual = (model: Model): boolean => model.usual;
  return {
    models: [...usable.filter(isUsual), ...usable.filter((model) => !isUsual(model))],
    unusable: models.flatMap((model) =>
      "error" in model ? [{ folder: model.folder, error: model.error.message }] : [],
    ),
  };
}
