/** An object as JSON in which a bigint is a plain number with all its digits, as most languages read and write it. */
export function toJson(record: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(record).map(([key, value]) => `${JSON.stringify(key)}:${toJsonValue(value)}`);
  return `{${entries.join(",")}}`;
}

/** One value of such an object; a bigint deeper inside is not expected. */
export function toJsonValue(value: unknown): string {
  return typeof value === "bigint" ? value.toString() : JSON.stringify(value);
}
