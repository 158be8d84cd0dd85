import type { Form } from "../extension/panel/panel-messages";
import { button, iconButton, numberField } from "./controls";
import { element, setText } from "./dom";
import type { FormHandlers } from "./handlers";
import { ICONS } from "./icons";
import { l10n } from "./l10n";
import { chosenModel, type State } from "./state";

/** The picture to start from, if one. */
export function createStartImage({ change, chooseStartImage }: Pick<FormHandlers, "change" | "chooseStartImage">) {
  const image = element("img", { attributes: { alt: "" } });
  const name = element("span", { className: "name" });
  let current: Form["startImage"] = null;
  const strength = numberField({ label: l10n.t("Strength: how much is redrawn"), min: 0.05, step: 0.05 }, (value) => {
    if (current !== null) change({ startImage: { ...current, strength: value } });
  });
  const choose = button({ label: l10n.t("Start from a Picture…") }, chooseStartImage);
  const remove = iconButton({ label: l10n.t("Do not start from this picture"), icon: ICONS.close }, () => {
    change({ startImage: null });
    choose.focus();
  });
  const chosen = element(
    "div",
    { className: "start-image" },
    image,
    element("div", {}, element("div", { className: "row" }, name, remove), strength.element),
  );
  return {
    element: element("div", {}, choose, chosen),
    update(state: State): void {
      current = state.form.startImage;
      chosen.hidden = current === null;
      if (current === null) return;
      const result = state.pictures.find(({ path }) => path === current?.path);
      const src = result?.src ?? (state.thumbnail?.path === current.path ? state.thumbnail.src : null);
      image.hidden = src === null;
      if (src !== null && image.src !== src) image.src = src;
      setText(name, current.name);
      strength.set(current.strength);
      strength.limit(1, 0.05, String(chosenModel(state)?.defaults.strength ?? ""));
    },
  };
}
