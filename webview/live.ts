import type { Form } from "../extension/panel/panel-messages";
import { chosenModel, formFor, isPending, type State } from "./state";
import { sizeOf, sizeProblem } from "./sizes";

/** A model that is not made for few steps shows with these what the picture will be. */
const QUICK_STEPS = 8;

/** Whether a quick picture is to follow the typing. */
export function isLive(state: State): boolean {
  if (state.liveMode === "auto") return chosenModel(state)?.sprint === true && !state.onBattery;
  return state.liveMode === "on";
}

/** What the quick picture is made with now; null where none is to be made. */
export function liveForm(state: State): Form | null {
  const { form } = state;
  const model = chosenModel(state);
  if (!isLive(state) || model === undefined || form.prompt.trim() === "") return null;
  // Pictures that were asked for come first.
  if (state.jobs.some(isPending)) return null;
  if (sizeProblem(sizeOf(form, model), model) !== null) return null;
  const steps = form.steps ?? model.defaults.steps;
  return { ...formFor(form, model), count: 1, steps: Math.min(steps, QUICK_STEPS) };
}
