import { l10n } from "./l10n";

/** "1.3 GB" in the page's language. */
export function gigabytes(bytes: number): string {
  const format = { style: "unit", unit: "gigabyte", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(l10n.language, format).format(bytes / 1e9);
}

/** "12 sec" or "3 min" in the page's language; never 0. */
export function duration(seconds: number): string {
  const [value, unit] =
    seconds < 90 ? [Math.max(1, Math.round(seconds)), "second"] : [Math.round(seconds / 60), "minute"];
  return new Intl.NumberFormat(l10n.language, { style: "unit", unit }).format(value);
}
