import type { Option } from "commander";
import { SanaError } from "../errors";
import { numberOption } from "./option-values";

/** A timer of Node's cannot wait for longer. */
const MAX_IDLE_MINUTES = 30_000;

export function idleMinutesOption(): Option {
  return numberOption("--idle-minutes <n>", "unload the model after so long without a picture").default(10);
}

/** In milliseconds. Throws `invalid-parameter`. */
export function idleMs(idleMinutes: number): number {
  if (idleMinutes > 0 && idleMinutes <= MAX_IDLE_MINUTES) return idleMinutes * 60_000;
  throw new SanaError(
    "invalid-parameter",
    `--idle-minutes is ${idleMinutes}; allowed are numbers above 0 up to ${MAX_IDLE_MINUTES}`,
  );
}
