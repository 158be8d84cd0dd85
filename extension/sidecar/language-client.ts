import type * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  ProgressType,
  RevealOutputChannelOn,
  State,
} from "vscode-languageclient/node";
import type { SidecarProcess } from "./sidecar-process";

/** What this file is told instead of importing it: it is a bundle of its own, and no bundle repeats another's code. */
interface Surroundings {
  readonly log: vscode.LogOutputChannel;
  readonly initializationOptions: object;
  /** Glob of the files that the sidecar is the language server of. */
  readonly manifests: string;
  readonly onClosed: () => void;
}

/** The client library, for one process of the sidecar. What it has to tell goes into the log, never on the screen. */
export class SidecarLanguageClient extends LanguageClient {
  constructor(
    readonly process: SidecarProcess,
    { log, initializationOptions, manifests, onClosed }: Surroundings,
  ) {
    const { stdout, stdin } = process.child;
    super("sana", "Sana", () => Promise.resolve({ reader: stdout, writer: stdin }), {
      outputChannel: log,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions,
      documentSelector: [{ scheme: "file", pattern: manifests }],
      // The library would show the error by itself, in English; whoever asked for the start shows it.
      initializationFailedHandler: () => false,
      errorHandler: {
        // The default handler gives up for good on a write that was pending when the process ended; its end is what
        // counts, and `closed` is told of it.
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: async () => {
          // The library settles a start that failed for this reason before it goes on here.
          await process.end();
          onClosed();
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
    });
  }

  /** Calls `listener` for each `$/progress` with that token until it is disposed. */
  onProgressOf(token: string | number, listener: (value: unknown) => void): vscode.Disposable {
    return this.onProgress(new ProgressType<unknown>(), token, listener);
  }

  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }

  override warn(message: string, data?: unknown): void {
    super.warn(message, data, false);
  }

  /** Which message went where, for the log level "trace"; never what it said, because prompts are not logged. */
  override trace(message: string): void {
    super.trace(message);
  }

  /** A client that never started has nothing to stop; the library treats that as an error. */
  override stop(timeoutMs?: number): Promise<void> {
    return this.state === State.Running ? super.stop(timeoutMs) : Promise.resolve();
  }
}
