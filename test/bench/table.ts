import type { PeakMemory } from "./process-memory";

/** A Markdown table. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => "---"), ...rows].map(tableRow).join("\n");
}

export function tableRow(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

export const NOT_MEASURED = "not measured";

/** The median with the fastest and the slowest run. */
export function spread(seconds: readonly number[] | null): string {
  if (seconds === null) return NOT_MEASURED;
  const format = (value: number): string => value.toFixed(value < 10 ? 2 : 1);
  return `${format(median(seconds))} (${format(Math.min(...seconds))}–${format(Math.max(...seconds))})`;
}

/** How many times as long the reference took, by the medians. */
export function ratio(ours: readonly number[], reference: readonly number[] | null): string {
  return reference === null ? NOT_MEASURED : `${(median(reference) / median(ours)).toFixed(2)}×`;
}

/** Peak memory in GB (10⁹ bytes), and how much of it belongs to no file. */
export function gigabytes(peak: PeakMemory | null): string {
  if (peak === null) return NOT_MEASURED;
  return `${(peak.resident / 1e9).toFixed(2)} (${(peak.anonymous / 1e9).toFixed(2)})`;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
}
