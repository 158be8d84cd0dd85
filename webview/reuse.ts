import type { Form, Picture } from "../extension/panel/panel-messages";

/** A seed that people can read to each other: 0 … 2^32−1. */
export function drawSeed(): string {
  return String(crypto.getRandomValues(new Uint32Array(1))[0]!);
}

/** What the form becomes when a picture's parameters are to be used again. */
export const REUSE = {
  /** The same picture again. */
  all: ({ form }: Picture): Partial<Form> => ({ ...form, count: 1, seedLocked: true }),
  seed: ({ form }: Picture): Partial<Form> => ({ seed: form.seed, seedLocked: true }),
  /** Everything but the seed: another picture of the same. */
  remix: ({ form }: Picture): Partial<Form> => ({ ...form, count: 1, seed: drawSeed(), seedLocked: false }),
  /** As the picture to start from. */
  start: ({ path, form }: Picture): Partial<Form> => ({
    startImage: { path, name: form.prompt, strength: null },
    width: form.width,
    height: form.height,
  }),
} as const;

/** How many variations one press asks for, and how much of the picture they redraw: enough to differ, still the same scene. */
const VARIATIONS = 3;
const VARIATION_STRENGTH = 0.6;

/** A form that makes pictures like this one. */
export function variationsOf({ path, form }: Picture): Form {
  return {
    ...form,
    seed: drawSeed(),
    seedLocked: false,
    count: VARIATIONS,
    startImage: { path, name: form.prompt, strength: VARIATION_STRENGTH },
  };
}
