type Level = "debug" | "info" | "warn" | "error";

/**
 * Writes one line for people who look for the cause of something. What a user wrote or named (prompts, paths, which are
 * named after prompts) never goes in.
 */
export type Log = (level: Level, message: string) => void;

/** `[info] message`, one line each. */
export function logTo(stream: NodeJS.WritableStream): Log {
  return (level, message) => {
    stream.write(`[${level}] ${message.replace(/\s*\n\s*/g, " | ")}\n`);
  };
}

/** Where an unexpected error came from. Its message is left out, because it may quote what the user wrote. */
export function originOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return [error.name, ...frames.slice(0, 8).map((line) => line.trim())].join(" ");
}
