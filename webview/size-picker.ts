import type { Form, Model } from "../extension/panel/panel-messages";
import { numberField } from "./controls";
import { element, setText } from "./dom";
import { l10n } from "./l10n";
import { sizeOf, sizePresets, sizeProblem, type Size } from "./sizes";

// The larger side of a shape's drawing.
const SHAPE_SIDE = 22;

/** Radio buttons drawn in the shape of the picture, and fields for any other size that the model allows. */
export function createSizePicker(change: (form: Partial<Form>) => void) {
  const shapes = element("div", { className: "shapes" });
  const width = numberField({ label: l10n.t("Width"), labelDrawn: false, min: 1, step: 1 }, (value) => {
    change({ width: value });
  });
  const height = numberField({ label: l10n.t("Height"), labelDrawn: false, min: 1, step: 1 }, (value) => {
    change({ height: value });
  });
  const times = element("span", { attributes: { "aria-hidden": "true" } }, "×");
  const problem = element("p", { className: "problem", attributes: { role: "alert" } });
  let drawn = "";

  return {
    element: element(
      "fieldset",
      {},
      element("legend", {}, l10n.t("Size")),
      element(
        "div",
        { className: "row size" },
        shapes,
        element("div", { className: "free-size" }, width.element, times, height.element),
      ),
      problem,
    ),
    update(form: Form, model: Model | undefined): void {
      width.set(form.width);
      height.set(form.height);
      if (model === undefined) return;
      const presets = sizePresets(model);
      const key = JSON.stringify(presets);
      if (key !== drawn) {
        drawn = key;
        shapes.replaceChildren(...presets.map((size, index) => shape(size, index === 0, change)));
      }
      const size = sizeOf(form, model);
      for (const input of shapes.querySelectorAll("input")) input.checked = input.value === size.join("x");
      const step = model.anySize ? 1 : model.sizeMultiple;
      width.limit(model.maxSide, step, String(model.defaults.width));
      height.limit(model.maxSide, step, String(model.defaults.height));
      const found = sizeProblem(size, model);
      width.mark(found !== null);
      height.mark(found !== null);
      setText(problem, found === null ? "" : problemText(found));
    },
  };
}

/** The model's own size is null in the form: it follows the model. */
function shape([width, height]: Size, isDefault: boolean, change: (form: Partial<Form>) => void): HTMLElement {
  const name = l10n.t("{0} × {1}", width, height);
  const input = element("input", {
    attributes: { type: "radio", name: "size", value: `${width}x${height}`, "aria-label": name },
  });
  input.addEventListener("change", () => {
    change(isDefault ? { width: null, height: null } : { width, height });
  });
  const scale = SHAPE_SIDE / Math.max(width, height);
  const box = element("span", { className: "shape", attributes: { "aria-hidden": "true" } });
  box.style.width = `${Math.round(width * scale)}px`;
  box.style.height = `${Math.round(height * scale)}px`;
  return element("label", { title: name }, input, box);
}

function problemText(problem: NonNullable<ReturnType<typeof sizeProblem>>): string {
  return problem.kind === "multiple"
    ? l10n.t("This model needs sides that are multiples of {0}.", problem.multiple)
    : l10n.t("This model makes pictures of at most {0} pixels a side.", problem.maxSide);
}
