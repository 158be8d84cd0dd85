import type { Model } from "../extension/panel/panel-messages";
import { button, dropdown } from "./controls";
import { element, setText } from "./dom";
import type { FormHandlers } from "./handlers";
import { l10n } from "./l10n";
import { chosenModel, switchModel, type State } from "./state";

/** Which checkpoint; says so where there is no choice yet. */
export function createModelChoice({ change, loadModels }: Pick<FormHandlers, "change" | "loadModels">) {
  let latest: State | undefined;
  const list = dropdown({ label: l10n.t("Model") }, (folder) => {
    const model = latest?.models.models.find((candidate) => candidate.folder === folder);
    if (latest !== undefined && model !== undefined) change(switchModel(chosenModel(latest), model));
  });
  const message = element("p", { className: "hint" });
  const retry = button({ label: l10n.t("Try Again") }, loadModels);
  return {
    element: list.element,
    /** Seen also while the settings are closed. */
    state: element("div", { className: "model-state" }, message, retry),
    update(state: State): void {
      latest = state;
      const { models } = state;
      list.element.hidden = models.models.length === 0;
      list.setOptions(models.models.map((model) => [model.folder, nameOf(model)]));
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

function nameOf({ bundled, name, defaults: { steps } }: Model): string {
  if (bundled === null) return name;
  return bundled === "fast" ? l10n.t("Fast ({0} steps)", steps) : l10n.t("Quality ({0} steps)", steps);
}
