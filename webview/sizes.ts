import type { Form, Model } from "../extension/panel/panel-messages";

export type Size = readonly [width: number, height: number];

/** Why a size cannot be made; `multiple` and `maxSide` are the model's. */
export type SizeProblem = { kind: "multiple"; multiple: number } | { kind: "maxSide"; maxSide: number };

// What people ask for when a model does not say what it was trained for.
const RATIOS: readonly Size[] = [
  [1, 1],
  [4, 3],
  [3, 4],
  [16, 9],
  [9, 16],
];

/** The sizes to choose from, the model's own one first: those it was trained for, else common shapes of the same area. */
export function sizePresets({ sizes, sizeMultiple, defaults }: Model): Size[] {
  const own: Size = [defaults.width, defaults.height];
  const side = Math.sqrt(own[0] * own[1]);
  const round = (length: number): number => Math.max(1, Math.round(length / sizeMultiple)) * sizeMultiple;
  const others =
    sizes.length > 1
      ? sizes
      : RATIOS.map(([w, h]): Size => [round(side * Math.sqrt(w / h)), round(side * Math.sqrt(h / w))]);
  return [own, ...others].filter(
    (size, index, all) => all.findIndex((other) => other[0] === size[0] && other[1] === size[1]) === index,
  );
}

/** The size that the form stands for. */
export function sizeOf(form: Form, { defaults }: Model): Size {
  return [form.width ?? defaults.width, form.height ?? defaults.height];
}

export function sizeProblem(size: Size, { anySize, sizeMultiple, maxSide }: Model): SizeProblem | null {
  if (size.some((side) => side > maxSide)) return { kind: "maxSide", maxSide };
  if (!anySize && size.some((side) => side % sizeMultiple !== 0)) return { kind: "multiple", multiple: sizeMultiple };
  return null;
}
