import type { Model } from "../extension/panel/panel-messages";
import { element } from "./dom";
import type { FormHandlers } from "./handlers";
import { l10n } from "./l10n";
import { chosenModel, switchModel, type State } from "./state";

/** Which of the two bundled models, in one click. Neither is chosen while another model is. */
export function createQualityChoice({ change }: Pick<FormHandlers, "change">) {
  let latest: State | undefined;
  const radio = (bundled: "fast" | "quality", text: string) => {
    const input = element("input", { attributes: { type: "radio", name: "quality", value: bundled } });
    const label = element("label", {}, input, text);
    input.addEventListener("change", () => {
      const model = latest && bundledModel(latest, bundled);
      if (latest !== undefined && model !== undefined) change(switchModel(chosenModel(latest), model));
    });
    return { bundled, input, label };
  };
  const radios = [radio("fast", l10n.t("Fast")), radio("quality", l10n.t("Quality"))];
  const group = element(
    "div",
    { className: "quality", attributes: { role: "radiogroup", "aria-label": l10n.t("Speed or quality") } },
    ...radios.map(({ label }) => label),
  );
  return {
    element: group,
    update(state: State): void {
      latest = state;
      const chosen = chosenModel(state)?.bundled;
      const areKnown = radios.every(({ bundled }) => bundledModel(state, bundled) !== undefined);
      // It has its place from the beginning, so that nothing moves under the pointer when the models are known.
      group.hidden = !areKnown && state.models.state !== "loading";
      for (const { bundled, input, label } of radios) {
        input.disabled = !areKnown;
        input.checked = chosen === bundled;
        label.title = l10n.t("{0} steps", bundledModel(state, bundled)?.defaults.steps ?? "");
      }
    },
  };
}

function bundledModel({ models }: State, name: Model["bundled"]): Model | undefined {
  return models.models.find(({ bundled }) => bundled === name);
}
