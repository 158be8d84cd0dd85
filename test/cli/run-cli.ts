import { spawn } from "node:child_process";
import { resolve } from "node:path";

/** What a process left behind. `code` is null where a signal ended it, which includes the time limit. */
export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  /** Added to this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** The bundle under test. Tests run from the root of the repository. */
export const CLI_PATH = resolve("dist/sana.cjs");

/** Runs `sana ARGS` with this Node to its end. */
export async function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runProcess(process.execPath, [CLI_PATH, ...args], options);
}

/** Runs any program to its end, with an empty stdin. */
export async function runProcess(
  command: string,
  args: readonly string[],
  { cwd, env, timeoutMs = 120_000 }: CliOptions = {},
): Promise<CliResult> {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  return new Promise((resolvePromise, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      resolvePromise({ code, stdout, stderr });
    });
  });
}
