import { join } from "node:path";
import { createInterface } from "node:readline";
import * as vscode from "vscode";
import { MANIFEST_NAME, PROTOCOL_VERSION } from "../../sidecar/protocol";
import { assetsLabels } from "./assets-labels";
import type { SidecarLanguageClient } from "./language-client";
import { RestartBudget } from "./restart-budget";
import { errorOfAnswer, SidecarError } from "./sidecar-error";
import { SidecarProcess } from "./sidecar-process";

// A sidecar that ends this often within this time would end again: the user decides.
const MAX_RESTARTS = 4;
const RESTART_WINDOW_MS = 3 * 60 * 1000;

// The library's answer to `shutdown`: the sidecar finishes a file that it is writing.
const SHUTDOWN_TIMEOUT_MS = 5000;

export type SidecarState = "stopped" | "starting" | "running";

/** Progress of one request: the token that it names, and who wants to know. */
interface ProgressListener<Value> {
  readonly token: string | number;
  readonly onProgress: (value: Value) => void;
}

/**
 * The process that makes pictures, as the extension sees it: started by the first request, restarted when it ends
 * without being asked to (a limited number of times; a request starts it all the same), ended with the window.
 */
export class SidecarClient implements vscode.Disposable {
  private session: Promise<SidecarLanguageClient> | undefined;
  private state: SidecarState = "stopped";
  private crashMessageIsOpen = false;
  private readonly budget = new RestartBudget(MAX_RESTARTS, RESTART_WINDOW_MS);
  private readonly stateChanged = new vscode.EventEmitter<SidecarState>();
  private readonly notified = new Map<string, vscode.EventEmitter<unknown>>();
  /** Fires with the state of the process whenever it changes. */
  readonly onDidChangeState = this.stateChanged.event;

  /** `serveArguments` is asked at each start. */
  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
    private readonly serveArguments: () => readonly string[],
  ) {}

  /** Whether the process is there and answers. */
  get isRunning(): boolean {
    return this.state === "running";
  }

  private get isWanted(): boolean {
    return this.session !== undefined;
  }

  /** Starts the process unless it runs. Throws a SidecarError where it cannot be started or speaks another protocol. */
  async start(): Promise<void> {
    await this.running();
  }

  /**
   * Sends a request of `sidecar/protocol.ts` and returns its answer, starting the process first where needed. Rejects
   * with a SidecarError, also where the process ends before it has answered.
   */
  async request<Result, Value = never>(
    method: string,
    params: object,
    cancellation?: vscode.CancellationToken,
    progress?: ProgressListener<Value>,
  ): Promise<Result> {
    const client = await this.running();
    const listening = progress && client.onProgressOf(progress.token, progress.onProgress as (value: unknown) => void);
    try {
      // The library takes a token that is undefined for a second parameter of the request.
      return await (cancellation === undefined
        ? client.sendRequest<Result>(method, params)
        : client.sendRequest<Result>(method, params, cancellation));
    } catch (error) {
      throw errorOfAnswer(error) ?? (await endOf(client, error));
    } finally {
      listening?.dispose();
    }
  }

  /** Tells the process something. One that does not run, or is about to end, need not know. */
  notify(method: string, params: object): void {
    void this.session?.then((client) => client.sendNotification(method, params)).catch(() => undefined);
  }

  /** Calls `listener` for each notification of that method, from this process and from those that follow it. */
  onNotification(method: string, listener: (params: unknown) => void): vscode.Disposable {
    let emitter = this.notified.get(method);
    if (emitter === undefined) {
      emitter = new vscode.EventEmitter();
      this.notified.set(method, emitter);
      const added = emitter;
      void this.session?.then((client) => {
        client.onNotification(method, (params: unknown) => {
          added.fire(params);
        });
      });
    }
    return emitter.event(listener);
  }

  /** Ends the process and starts it anew, whatever state it is in. The restart budget begins again. */
  async restart(): Promise<void> {
    this.budget.reset();
    await this.stop();
    await this.start();
  }

  /** Resolves when the process is gone. What was pending is rejected. */
  async stop(): Promise<void> {
    const session = this.session;
    this.session = undefined;
    const client = await session?.catch(() => undefined);
    await client?.dispose(SHUTDOWN_TIMEOUT_MS).catch(() => undefined);
    await client?.process.end();
    // Somebody may have started the next one meanwhile.
    if (!this.isWanted) this.setState("stopped");
  }

  dispose(): void {
    void this.stop();
    this.stateChanged.dispose();
    for (const emitter of this.notified.values()) emitter.dispose();
  }

  /** The client of a process that answers; whoever asks while it starts waits for the same start. */
  private running(): Promise<SidecarLanguageClient> {
    if (this.session !== undefined) return this.session;
    const session = this.open(() => {
      if (this.session === session) this.afterCrash();
    });
    this.session = session;
    session.then(
      () => {
        if (this.session === session) this.setState("running");
      },
      () => {
        if (this.session !== session) return;
        this.session = undefined;
        this.setState("stopped");
      },
    );
    return session;
  }

  private async open(onClosed: () => void): Promise<SidecarLanguageClient> {
    this.setState("starting");
    // Most of the extension's code is the client library, a bundle of its own; who makes no picture never loads it.
    const { SidecarLanguageClient } = await import("./language-client");
    const folder = join(this.context.extensionPath, "dist");
    const process = new SidecarProcess(join(folder, "sana.cjs"), ["serve", ...this.serveArguments()], folder);
    createInterface({ input: process.child.stderr }).on("line", (line) => {
      this.logLine(line);
    });
    let isOpen = false;
    const client = new SidecarLanguageClient(process, {
      log: this.log,
      initializationOptions: { protocolVersion: PROTOCOL_VERSION, assetsLabels: assetsLabels() },
      manifests: `**/${MANIFEST_NAME}`,
      onClosed: () => {
        if (isOpen) onClosed();
      },
    });
    for (const [method, emitter] of this.notified) {
      client.onNotification(method, (params: unknown) => {
        emitter.fire(params);
      });
    }
    try {
      await client.start();
      if (!client.isRunning()) throw new Error("the connection was closed");
    } catch (error) {
      const how = await process.endedWithin(100);
      await process.end();
      const message = error instanceof Error ? error.message : String(error);
      throw errorOfAnswer(error) ?? new SidecarError("sidecar-not-started", how ?? message);
    }
    isOpen = true;
    return client;
  }

  private afterCrash(): void {
    this.session = undefined;
    this.setState("stopped");
    const restarts = this.budget.allows(Date.now());
    this.log.error(restarts ? "the sidecar ended and is started again" : "the sidecar ended once too often");
    if (restarts) {
      this.running().catch((error: unknown) => {
        this.log.error(`the sidecar could not be started again: ${String(error)}`);
      });
    }
    void this.tell(restarts);
  }

  /** One message for however many crashes happen while it is on the screen. */
  private async tell(restarts: boolean): Promise<void> {
    if (this.crashMessageIsOpen) return;
    this.crashMessageIsOpen = true;
    const [restart, showLog] = [vscode.l10n.t("Restart"), vscode.l10n.t("Show Log")];
    const message = restarts
      ? vscode.l10n.t("Sana's sidecar ended unexpectedly and was started again.")
      : vscode.l10n.t("Sana's sidecar ends again and again. It starts again with the next picture.");
    const choice = await vscode.window.showErrorMessage(message, restart, showLog);
    this.crashMessageIsOpen = false;
    if (choice === restart) await this.restart();
    if (choice === showLog) this.log.show();
  }

  /** A line of the sidecar's stderr: `[level] message`, or what a library below it has to say. */
  private logLine(line: string): void {
    const [, level, message] = /^\[(debug|info|warn|error)\] (.*)$/.exec(line) ?? [];
    if (message === undefined) this.log.info(line);
    else this.log[level as "debug" | "info" | "warn" | "error"](message);
  }

  private setState(state: SidecarState): void {
    if (state === this.state) return;
    this.state = state;
    this.stateChanged.fire(state);
  }
}

async function endOf(client: SidecarLanguageClient, error: unknown): Promise<SidecarError> {
  const how = await client.process.endedWithin(1000);
  return new SidecarError("sidecar-ended", how ?? (error instanceof Error ? error.message : String(error)));
}
