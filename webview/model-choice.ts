import { button, dropdown } from "./controls";
import { element, setText } from "./dom";
import type { FormHandlers } from "./handlers";
import { l10n } from "./l10n";
import { chosenModel, type State } from "./state";

/** Which checkpoint; says so where there is no choice yet. */
export function createModelChoice({ change, loadModels }: Pick<FormHandlers, "change" | "loadModels">) {
  let usualFolder: string | undefined;
  const list = dropdown({ label: l10n.t("Model") }, (folder) => {
    // What was set for another model may not be allowed for this one.
    const defaults = { width: null, height: null, steps: null, guidanceScale: null };
    change({ model: folder === usualFolder ? null : folder, ...defaults });
  });
  const message = element("p", { className: "hint" });
  const retry = button({ label: l10n.t("Try Again") }, loadModels);
  return {
    element: list.element,
    /** Seen also while the settings are closed. */
    state: element("div", { className: "model-state" }, message, retry),
    update(state: State): void {
      const { models } = state;
      list.element.hidden = models.models.length === 0;
      list.setOptions(models.models.map(({ folder, name }) => [folder, name]));
      usualFolder = models.models.find(({ usual }) => usual)?.folder;
      list.set(chosenModel(state)?.folder ?? "");
      retry.hidden = models.state !== "failed";
      const unusable = models.unusable.map(({ folder, error }) => l10n.t("{0} cannot be used: {1}", folder, error));
      const texts = {
        loading: l10n.t("Looking for models…"),
        failed: l10n.t("The models could not be read: {0}", models.error ?? ""),
        ready: unusable.join(" "),
      };
      setText(message, texts[models.state]);
    },
  };
}
