import { Option } from "commander";
import { SanaError } from "../errors";

/**
 * Options with checked values. Commander hands over whatever stands behind the option, also where it begins with a dash
 * or is empty, and these decide.
 */

export function integerOption(flags: string, description: string): Option {
  return checkedOption(flags, description, {
    allowed: "a whole number",
    parse: (text) => (/^[+-]?\d+$/.test(text) ? Number(text) : undefined),
  });
}

export function numberOption(flags: string, description: string): Option {
  return checkedOption(flags, description, {
    allowed: "a finite number",
    parse: (text) => {
      const isNumber = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && Number.isFinite(Number(text));
      return isNumber ? Number(text) : undefined;
    },
  });
}

export function choiceOption(flag: string, description: string, choices: readonly string[]): Option {
  return checkedOption(`${flag} <${choices.join("|")}>`, description, {
    allowed: choices.join(", "),
    parse: (text) => (choices.includes(text) ? text : undefined),
  });
}

/** A path, or what `toPath` makes one of. The operating system would cut it at a NUL character. */
export function pathOption(
  flags: string,
  description: string,
  toPath: (text: string) => string = (text) => text,
): Option {
  return checkedOption(flags, description, {
    allowed: "a path that is not empty",
    parse: (text) => (text === "" || text.includes("\0") ? undefined : toPath(text)),
  });
}

function checkedOption(
  flags: string,
  description: string,
  value: { allowed: string; parse: (text: string) => string | number | undefined },
): Option {
  return new Option(flags, description).argParser((text) => {
    const parsed = value.parse(text);
    if (parsed !== undefined) return parsed;
    const name = flags.split(" ")[0]!;
    throw new SanaError("invalid-parameter", `${name} is "${text.slice(0, 100)}"; allowed: ${value.allowed}`);
  });
}
