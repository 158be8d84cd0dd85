import { median } from "../table";

/** The median with the least and the greatest value, as whole numbers. */
export function range(values: readonly number[]): string {
  const [low, middle, high] = [Math.min(...values), median(values), Math.max(...values)].map(Math.round);
  return `${middle} (${low}–${high})`;
}
