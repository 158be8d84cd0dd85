import { EMPTY_FORM, type Form, type Job, type Model, type Picture } from "../../extension/panel/panel-messages";

export function formOf(change: Partial<Form> = {}): Form {
  return { ...EMPTY_FORM, prompt: "a red fox", seed: "7", ...change };
}

export function jobOf(id: string, change: Partial<Job> = {}): Job {
  const idle = { ahead: 0, stage: "queued", step: 0, total: 0, fraction: 0, secondsLeft: null, error: null } as const;
  return { id, form: formOf(), state: "waiting", ...idle, ...change };
}

export function pictureOf(id: string, form: Partial<Form> = {}): Picture {
  const path = `/pictures/${id}.png`;
  const made = formOf({ width: 640, height: 384, steps: 20, guidanceScale: 4.5, ...form });
  return {
    id,
    src: `https://page/${id}.png`,
    path,
    form: made,
    modelName: "m",
    seconds: 9,
    notices: [],
  };
}

/** As the bundled checkpoint of many steps describes itself. */
export const MODEL: Model = {
  folder: "/models",
  bundled: "quality",
  name: "sana-illustrations-1",
  usual: true,
  sprint: false,
  sizes: [
    [512, 512],
    [640, 384],
    [384, 640],
  ],
  anySize: false,
  sizeMultiple: 32,
  maxSide: 8192,
  defaults: { width: 512, height: 512, steps: 20, guidanceScale: 4.5, strength: 0.6 },
};

/** As the one that is distilled from it describes itself. */
export const FAST: Model = {
  ...MODEL,
  folder: "/models/sprint",
  name: "sana-illustrations-1-sprint",
  usual: false,
  bundled: "fast",
  sprint: true,
  defaults: { ...MODEL.defaults, steps: 2 },
};
