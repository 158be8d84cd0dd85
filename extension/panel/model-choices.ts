import type { ModelsResult } from "../../sidecar/protocol";
import type { Model } from "./panel-messages";

/** What the sidecar found, as the page needs it: the settings' model (null: the bundled one) first. */
export function modelChoices(
  { models }: ModelsResult,
  usual: string | null,
): { models: Model[]; unusable: { folder: string; error: string }[] } {
  const usable = models.flatMap((model) => {
    if ("error" in model) return [];
    const { folder, name, sprint, sizes, anySize, sizeMultiple, maxSide } = model;
    const { width, height, steps, guidanceScale, strength } = model.defaults;
    const defaults = { width, height, steps, guidanceScale, strength };
    return [{ folder, name, sprint, sizes, anySize, sizeMultiple, maxSide, defaults }];
  });
  const isUsual = ({ folder }: Model): boolean => folder === usual;
  return {
    models: [...usable.filter(isUsual), ...usable.filter((model) => !isUsual(model))],
    unusable: models.flatMap((model) =>
      "error" in model ? [{ folder: model.folder, error: model.error.message }] : [],
    ),
  };
}
