import { MAX_COUNT, MAX_PROMPT_LENGTH, type Form } from "../extension/panel/panel-messages";
import { button, checkbox, dropdown, iconButton, numberField, textArea, textField } from "./controls";
import { element, setText } from "./dom";
import { duration, gigabytes } from "./format";
import { ICONS } from "./icons";
import { l10n } from "./l10n";
import { drawSeed } from "./reuse";
import { createSizePicker } from "./size-picker";
import { chosenModel, isPending, type State } from "./state";

/** What the user can do in the form. */
export interface FormHandlers {
  readonly change: (form: Partial<Form>) => void;
  readonly generate: () => void;
  readonly cancel: () => void;
  readonly chooseStartImage: () => void;
  readonly loadModels: () => void;
}

// In a panel that is narrower than this the settings would push the picture out of sight.
const WIDE_PX = 800;

/** Everything that is set before a picture is made. */
export function createFormView(handlers: FormHandlers) {
  const { change } = handlers;
  const prompt = textArea({ label: l10n.t("Prompt"), rows: 4, maxLength: MAX_PROMPT_LENGTH }, (value) => {
    change({ prompt: value });
  });
  const negativePrompt = textArea(
    { label: l10n.t("Negative prompt: what should not be in it"), rows: 2, maxLength: MAX_PROMPT_LENGTH },
    (value) => {
      change({ negativePrompt: value });
    },
  );
  const style = dropdown({ label: l10n.t("Style") }, (value) => {
    change({ style: value === "" ? null : value });
  });
  const count = numberField({ label: l10n.t("Number of images"), min: 1, step: 1 }, (value) => {
    change({ count: value ?? 1 });
  });
  count.limit(MAX_COUNT, 1, "1");
  const size = createSizePicker(change);
  const steps = numberField({ label: l10n.t("Steps"), min: 1, step: 1 }, (value) => {
    change({ steps: value });
  });
  const guidance = numberField({ label: l10n.t("Guidance"), min: 0, step: "any" }, (value) => {
    change({ guidanceScale: value });
  });
  const seed = textField({ label: l10n.t("Seed") }, (value) => {
    // Whoever types a seed wants that one.
    if (isSeed(value)) change({ seed: value, seedLocked: true });
  });
  const dice = iconButton({ label: l10n.t("Draw a new seed"), icon: ICONS.dice }, () => {
    change({ seed: drawSeed() });
  });
  const lock = checkbox({ label: l10n.t("Keep this seed") }, (checked) => {
    change({ seedLocked: checked });
  });
  const model = createModelChoice(handlers);
  const start = createStartImage(handlers);

  const generate = button({ label: l10n.t("Generate"), kind: "primary" }, handlers.generate);
  generate.title = l10n.t("Generate ({0})", navigator.platform.startsWith("Mac") ? "⌘↵" : "Ctrl+Enter");
  const cancel = button({ label: l10n.t("Cancel") }, handlers.cancel);
  cancel.title = l10n.t("Cancel ({0})", "Esc");
  const cost = element("p", { className: "cost", attributes: { "aria-live": "polite" } });

  const more = element(
    "details",
    { className: "more" },
    element("summary", {}, l10n.t("More settings")),
    negativePrompt.element,
    size.free,
    element("div", { className: "row" }, steps.element, guidance.element),
    element("div", { className: "row seed" }, seed.element, dice, lock.element),
    start.element,
    model.element,
  );
  more.open = innerWidth >= WIDE_PX;

  return {
    element: element(
      "section",
      { className: "form", attributes: { "aria-label": l10n.t("Settings") } },
      prompt.element,
      element("div", { className: "row" }, style.element, count.element),
      size.presets,
      model.state,
      element("div", { className: "actions" }, generate, cancel),
      cost,
      more,
    ),
    focusPrompt(): void {
      prompt.element.focus();
    },
    update(state: State): void {
      const { form } = state;
      const chosen = chosenModel(state);
      prompt.set(form.prompt);
      negativePrompt.set(form.negativePrompt);
      negativePrompt.element.hidden = chosen?.sprint === true;
      style.setOptions([["", l10n.t("None")], ...state.styles.map(({ id, label }) => [id, label] as const)]);
      style.set(form.style ?? "");
      count.set(form.count);
      size.update(form, chosen);
      steps.set(form.steps);
      guidance.set(form.guidanceScale);
      if (chosen !== undefined) {
        // Sprint is trained for so few steps.
        steps.limit(chosen.sprint ? 4 : 1000, 1, String(chosen.defaults.steps));
        guidance.limit(100, "any", String(chosen.defaults.guidanceScale));
      }
      seed.set(form.seed);
      lock.set(form.seedLocked);
      model.update(state);
      start.update(state);
      cancel.hidden = !state.jobs.some(isPending);
      updateCost(cost, state);
    },
  };
}

function isSeed(value: string): boolean {
  return /^[0-9]{1,19}$/.test(value) && BigInt(value) < 2n ** 63n;
}

function updateCost(cost: HTMLElement, { estimate }: State): void {
  cost.classList.toggle("problem", estimate?.fits === false);
  if (estimate === null) {
    setText(cost, "");
    return;
  }
  const [needed, free] = [gigabytes(estimate.neededBytes), gigabytes(estimate.freeBytes)];
  const memory = estimate.fits
    ? l10n.t("Needs {0} of memory, {1} are free.", needed, free)
    : l10n.t("Not enough memory: needs {0}, {1} are free. Choose a smaller size.", needed, free);
  const time = estimate.seconds === null ? "" : ` ${l10n.t("About {0}.", duration(estimate.seconds))}`;
  setText(cost, memory + time);
}

/** Which checkpoint; says so where there is no choice yet. */
function createModelChoice({ change, loadModels }: FormHandlers) {
  let defaultFolder: string | undefined;
  const list = dropdown({ label: l10n.t("Model") }, (folder) => {
    // What was set for another model may not be allowed for this one.
    const defaults = { width: null, height: null, steps: null, guidanceScale: null };
    change({ model: folder === defaultFolder ? null : folder, ...defaults });
  });
  const message = element("p", { className: "hint" });
  const retry = button({ label: l10n.t("Try Again") }, loadModels);
  return {
    element: list.element,
    /** Seen also while the settings are closed. */
    state: element("div", { className: "model-state" }, message, retry),
    update({ form, models }: State): void {
      list.element.hidden = models.models.length === 0;
      list.setOptions(models.models.map(({ folder, name }) => [folder, name]));
      defaultFolder = models.models[0]?.folder;
      list.set(form.model ?? defaultFolder ?? "");
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

/** The picture to start from, if one. */
function createStartImage({ change, chooseStartImage }: FormHandlers) {
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
