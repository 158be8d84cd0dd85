import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { watchMemory, type MemoryWatch, type PeakMemory } from "./process-memory";

/** How a contestant is started. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * A process that loads one network (or pipeline), says so with a line, and then answers every line it is sent with one
 * run of it: JSON, `{"seconds": …}`. Both sides of a comparison speak this and stay loaded while they take turns.
 */
export class Contestant {
  private constructor(
    private readonly child: ChildProcess,
    private readonly answers: AsyncIterator<string>,
    private readonly memory: MemoryWatch,
  ) {}

  /** Starts the process and waits until it is loaded. Throws where it ends before that. */
  static async start({ program, args }: Command): Promise<Contestant> {
    const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    const failure = new Promise<never>((_, reject) => child.once("error", reject));
    const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const contestant = new Contestant(child, answers, watchMemory(child.pid));
    await Promise.race([contestant.answer(), failure]);
    return contestant;
  }

  /** Runs what is loaded once and returns how many seconds that took. */
  async run(): Promise<number> {
    this.child.stdin!.write("\n");
    const { seconds } = (await this.answer()) as { seconds: number };
    return seconds;
  }

  /** Ends the process and returns the most memory that it ever had. */
  async stop(): Promise<PeakMemory> {
    const peak = this.memory.stop();
    const ended = new Promise((resolve) => this.child.once("close", resolve));
    this.child.stdin!.end();
    await ended;
    return peak;
  }

  private async answer(): Promise<unknown> {
    const answer = await this.answers.next();
    if (answer.done === true) throw new Error(`${this.child.spawnargs.join(" ")} ended without an answer`);
    return JSON.parse(answer.value);
  }
}

/** What one call of a program cost, from its start to its end. */
export interface ProcessRun {
  readonly seconds: number;
  /** Seconds by phase, as the program itself reports them. */
  readonly phases: Readonly<Record<string, number>>;
  readonly peak: PeakMemory;
}

/** Runs a program whose last line on stdout is JSON with `timings`, seconds by phase. Throws where it fails. */
export async function runToEnd({ program, args }: Command): Promise<ProcessRun> {
  const started = performance.now();
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const memory = watchMemory(child.pid);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const seconds = (performance.now() - started) / 1000;
  const peak = memory.stop();
  if (code !== 0) throw new Error(`${child.spawnargs.join(" ")} ended with ${String(code)}`);
  const { timings } = JSON.parse(output.trim().split("\n").at(-1)!) as { timings: ProcessRun["phases"] };
  return { seconds, phases: timings, peak };
}
