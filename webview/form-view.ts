import { MAX_COUNT, MAX_PROMPT_LENGTH } from "../extension/panel/panel-messages";
import { button, checkbox, dropdown, iconButton, numberField, textArea, textField } from "./controls";
import { drawing, element, setText } from "./dom";
import { duration, gigabytes } from "./format";
import type { FormHandlers } from "./handlers";
import { ICONS } from "./icons";
import { l10n } from "./l10n";
import { isLive } from "./live";
import { createModelChoice } from "./model-choice";
import { createQualityChoice } from "./quality-choice";
import { drawSeed } from "./reuse";
import { createSizePicker } from "./size-picker";
import { createStartImage } from "./start-image";
import { chosenModel, type State } from "./state";

// In a panel that is narrower than this the settings would push the picture out of sight.
const WIDE_PX = 800;

/** Everything that is set before a picture is made. */
export function createFormView(handlers: FormHandlers) {
  const { change } = handlers;
  const prompt = textArea(
    {
      label: l10n.t("Prompt"),
      placeholder: l10n.t("What the picture shows, in any language or in emoji"),
      rows: 3,
      maxLength: MAX_PROMPT_LENGTH,
    },
    (value) => {
      change({ prompt: value });
    },
  );
  const history = iconButton({ label: l10n.t("Earlier prompts"), icon: ICONS.history }, handlers.chooseEarlierPrompt);
  const negativePrompt = textArea(
    {
      label: l10n.t("Negative prompt"),
      placeholder: l10n.t("What should not be in it"),
      rows: 2,
      maxLength: MAX_PROMPT_LENGTH,
    },
    (value) => {
      change({ negativePrompt: value });
    },
  );
  const noNegativePrompt = element("p", { className: "hint" }, l10n.t("This model knows no negative prompt."));
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
  const quality = createQualityChoice(handlers);
  const start = createStartImage(handlers);

  const generate = button({ label: l10n.t("Generate"), kind: "primary" }, handlers.generate);
  generate.title = l10n.t("Generate ({0})", navigator.platform.startsWith("Mac") ? "⌘↵" : "Ctrl+Enter");
  const live = checkbox({ label: l10n.t("Live preview") }, handlers.setLive);
  live.element.title = l10n.t("Shows a quick picture of the prompt whenever the typing pauses");
  const cost = element("p", { className: "cost", attributes: { "aria-live": "polite" } });

  const more = element(
    "details",
    { className: "more" },
    element("summary", {}, drawing(16, 16, ICONS.chevron), l10n.t("More settings")),
    negativePrompt.element,
    noNegativePrompt,
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
      element("div", { className: "prompt-field" }, prompt.element, history),
      size.element,
      element("div", { className: "row" }, style.element, count.element),
      model.state,
      element("div", { className: "actions" }, generate, quality.element, live.element, cost),
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
      noNegativePrompt.hidden = chosen?.sprint !== true;
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
      live.set(isLive(state));
      model.update(state);
      quality.update(state);
      start.update(state);
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
  if (!estimate.fits) {
    setText(cost, l10n.t("Not enough memory: needs {0}, {1} are free. Choose a smaller size.", needed, free));
    return;
  }
  const time = estimate.seconds === null ? [] : [l10n.t("about {0}", duration(estimate.seconds))];
  setText(cost, [...time, l10n.t("{0} of {1} free memory", needed, free)].join(" · "));
}
