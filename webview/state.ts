import {
  EMPTY_FORM,
  USUAL_MODEL,
  type Estimate,
  type Form,
  type HostMessage,
  type Job,
  type LiveMode,
  type Model,
  type Picture,
} from "../extension/panel/panel-messages";

/** All that the page shows. */
export interface State {
  readonly form: Form;
  readonly styles: readonly { readonly id: string; readonly label: string }[];
  readonly models: Omit<Extract<HostMessage, { type: "models" }>, "type">;
  readonly jobs: readonly Job[];
  /** The newest first. */
  readonly pictures: readonly Picture[];
  /** The latest preview of each job, a PNG in base64. */
  readonly previews: Readonly<Record<string, string>>;
  /** The job or picture that is shown large; a job's picture has its id. */
  readonly selected: string | null;
  /** Whether what is being made is to be shown: from a press of Generate until the user looks at something else. */
  readonly following: boolean;
  readonly liveMode: LiveMode;
  readonly onBattery: boolean;
  /** The quick picture of what was typed last, if it is shown instead of what is selected. */
  readonly live: LivePicture | null;
  readonly estimate: Estimate | null;
  readonly thumbnail: { readonly path: string; readonly src: string | null } | null;
  /** The number makes the same text twice two notices. */
  readonly notice: { readonly severity: "info" | "error"; readonly message: string; readonly number: number } | null;
}

export interface LivePicture {
  /** A PNG in base64; null until there is one. */
  readonly png: string | null;
  readonly progress: "making" | "finished" | "failed";
  /** One line about what went wrong. */
  readonly error: string | null;
}

export type Action =
  | HostMessage
  | { readonly type: "change"; readonly form: Partial<Form> }
  | { readonly type: "submitted" }
  | { readonly type: "following" }
  | { readonly type: "battery"; readonly onBattery: boolean }
  | { readonly type: "select"; readonly id: string }
  | { readonly type: "closeNotice" };

export const INITIAL_STATE: State = {
  form: EMPTY_FORM,
  styles: [],
  models: { state: "loading", models: [], unusable: [], error: null },
  jobs: [],
  pictures: [],
  previews: {},
  selected: null,
  following: false,
  liveMode: "auto",
  onBattery: false,
  live: null,
  estimate: null,
  thumbnail: null,
  notice: null,
};

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "init": {
      const { form, styles, liveMode, jobs, pictures } = action;
      const following = jobs.some(isPending);
      return select({ ...state, form: form ?? state.form, styles, liveMode, jobs, pictures, following });
    }
    case "models": {
      const { state: progress, models, unusable, error } = action;
      return { ...state, models: { state: progress, models, unusable, error } };
    }
    case "jobs": {
      const previews = Object.entries(state.previews).filter(([id]) => action.jobs.some((job) => job.id === id));
      return select({ ...state, jobs: action.jobs, previews: Object.fromEntries(previews) }, state);
    }
    case "preview":
      return { ...state, previews: { ...state.previews, [action.job]: action.png } };
    case "pictures":
      return select({ ...state, pictures: action.pictures }, state);
    case "edit":
    case "change":
      return { ...state, form: { ...state.form, ...action.form } };
    case "submitted":
      return { ...state, following: true, notice: null, live: null };
    case "select":
      return { ...state, selected: action.id, following: false, live: null };
    case "liveMode":
      return { ...state, liveMode: action.mode, live: action.mode === "off" ? null : state.live };
    case "battery":
      return { ...state, onBattery: action.onBattery };
    case "following":
      return { ...state, live: { png: state.live?.png ?? null, progress: "making", error: null } };
    case "live": {
      if (state.live === null) return state;
      return { ...state, live: { png: action.png, progress: action.finished ? "finished" : "making", error: null } };
    }
    case "liveFailed": {
      if (state.live === null) return state;
      return { ...state, live: { ...state.live, progress: "failed", error: action.error } };
    }
    case "estimate":
      return { ...state, estimate: action.estimate };
    case "thumbnail":
      return { ...state, thumbnail: { path: action.path, src: action.src } };
    case "notice": {
      const { severity, message } = action;
      return { ...state, notice: { severity, message, number: (state.notice?.number ?? 0) + 1 } };
    }
    case "closeNotice":
      return { ...state, notice: null };
  }
}

/** Whether the job will still become a picture. */
export function isPending({ state }: Job): boolean {
  return state === "waiting" || state === "running";
}

/** Jobs that are not pictures yet, in the order in which they will be made, then the pictures. */
export function tiles({ jobs, pictures }: State): readonly (Job | Picture)[] {
  const made = new Set(pictures.map(({ id }) => id));
  return [...jobs.filter(({ id }) => !made.has(id)), ...pictures];
}

export function isJob(tile: Job | Picture): tile is Job {
  return "stage" in tile;
}

/** What is shown large. */
export function selectedTile(state: State): Job | Picture | undefined {
  return tiles(state).find(({ id }) => id === state.selected);
}

/** The model that the form stands for; undefined until the models are known. */
export function chosenModel({ form, models }: State): Model | undefined {
  return models.models.find(({ folder, bundled }) => [folder, bundled].includes(form.model)) ?? models.models[0];
}

/** The form as it is sent for that model: named as the form names it, and without what the model does not know. */
export function formFor(form: Form, model: Model): Form {
  return { ...form, model: nameOf(model), negativePrompt: model.sprint ? "" : form.negativePrompt };
}

/** What of the form changes with the model: what was set for another one may not be allowed for this one. */
export function switchModel(from: Model | undefined, to: Model): Partial<Form> {
  const change = { model: nameOf(to), steps: null, guidanceScale: null };
  // The bundled models make pictures of the same sizes.
  const sameSizes = from !== undefined && from.bundled !== null && to.bundled !== null;
  return sameSizes ? change : { ...change, width: null, height: null };
}

function nameOf({ usual, bundled, folder }: Model): string {
  return usual ? USUAL_MODEL : (bundled ?? folder);
}

/** Keeps the selection on something that is there: the running job while it is followed, else what it was or its neighbour. */
function select(state: State, before: State = state): State {
  const now = tiles(state);
  const running = now.find((tile) => isJob(tile) && isPending(tile));
  if (state.following && running !== undefined) return { ...state, selected: running.id };
  if (now.some(({ id }) => id === state.selected)) return state;
  const place = tiles(before).findIndex(({ id }) => id === state.selected);
  const neighbour = now[Math.min(Math.max(place, 0), now.length - 1)];
  return { ...state, selected: neighbour?.id ?? null };
}
