import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";

// The sidecar finishes a file that it is writing before it ends; whoever takes longer hangs.
const END_TIMEOUT_MS = 6000;

/** One process of the sidecar. */
export class SidecarProcess {
  readonly child: ChildProcessWithoutNullStreams;
  /** Resolves when the process has ended, with how, in English: `killed by SIGKILL`, `exit code 1`. Never rejects. */
  readonly ended: Promise<string>;
  private hasEnded = false;

  /** Starts `script` on the Node that VS Code itself runs on; in a desktop VS Code that is Electron. */
  constructor(script: string, args: readonly string[], folder: string) {
    this.child = spawn(process.execPath, [script, ...args], {
      cwd: folder,
      env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", ELECTRON_NO_ASAR: "1" },
      windowsHide: true,
    });
    this.ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.hasEnded = true;
        resolve(how);
      };
      this.child.once("error", (error) => {
        end(error.message);
      });
      this.child.once("exit", (code, signal) => {
        end(signal === null ? `exit code ${code}` : `killed by ${signal}`);
      });
    });
    // A write to a process that is gone fails here as well as in the library that wrote.
    this.child.stdin.on("error", () => undefined);
  }

  /** How it ended, or null if it has not within `ms`. */
  async endedWithin(ms: number): Promise<string | null> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, ms, null);
    });
    const how = await Promise.race([this.ended, timeout]);
    clearTimeout(timer);
    return how;
  }

  /** Resolves when it is gone: it has been told to end, and is killed where it does not. */
  async end(): Promise<void> {
    if (this.hasEnded) return;
    this.child.stdin.end();
    if ((await this.endedWithin(END_TIMEOUT_MS)) === null) this.child.kill("SIGKILL");
    await this.ended;
  }
}
