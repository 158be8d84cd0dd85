import { join } from "node:path";
import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  RevealOutputChannelOn,
  State,
  TransportKind,
  type Disposable,
  type ProgressType,
} from "vscode-languageclient/node";
import { PROTOCOL_VERSION } from "../../sidecar/protocol";

// A sidecar that ends this often within this time would end again: the user decides.
const MAX_RESTARTS = 4;
const RESTART_WINDOW_MS = 3 * 60 * 1000;

/**
 * The process that makes pictures, as the extension sees it: started by the first request, restarted when it ends
 * without being asked to (a limited number of times), ended with the window. Requests that were pending when it ended
 * are rejected with the reason.
 */
export class SidecarClient implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private crashes: number[] = [];
  private readonly started = new vscode.EventEmitter<LanguageClient>();
  private readonly stateChanged = new vscode.EventEmitter<State>();
  /** Fires with the state of the process whenever it changes. */
  readonly onDidChangeState = this.stateChanged.event;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  /** Whether the process is there. */
  get isRunning(): boolean {
    return this.client?.state === State.Running;
  }

  /** Starts the process unless it runs. Throws where it cannot be started or speaks another protocol. */
  async start(): Promise<void> {
    await this.running();
  }

  /**
   * Sends a request of `sidecar/protocol.ts` and returns its answer, starting the process first where needed. Rejects
   * with vscode-languageclient's ResponseError (its `data` is the protocol's ErrorData), or a ConnectionError where
   * the process ended before it answered.
   */
  async request<Result>(method: string, params: unknown, token?: vscode.CancellationToken): Promise<Result> {
    const client = await this.running();
    return client.sendRequest<Result>(method, params, token);
  }

  /** Calls `listener` for each notification of that method, from this process and from those that follow it. */
  onNotification(method: string, listener: (params: unknown) => void): vscode.Disposable {
    let registration: Disposable | undefined;
    const listen = (client: LanguageClient): void => {
      registration = client.onNotification(method, listener);
    };
    if (this.client !== undefined) listen(this.client);
    const waiting = this.started.event(listen);
    return new vscode.Disposable(() => {
      waiting.dispose();
      registration?.dispose();
    });
  }

  /** Calls `listener` for each `$/progress` with that token until it is disposed. */
  async onProgress<Value>(
    type: ProgressType<Value>,
    token: string | number,
    listener: (value: Value) => void,
  ): Promise<vscode.Disposable> {
    return (await this.running()).onProgress(type, token, listener);
  }

  /** Ends the process and starts it anew, whatever state it is in. The restart budget begins again. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.crashes = [];
    if (client?.needsStop() === true) await client.dispose();
  }

  dispose(): void {
    void this.stop();
    this.started.dispose();
    this.stateChanged.dispose();
  }

  private async running(): Promise<LanguageClient> {
    if (this.client === undefined) {
      this.client = this.create();
      this.started.fire(this.client);
    }
    const client = this.client;
    // While it starts or restarts, this waits for the same start.
    await client.start();
    return client;
  }

  private create(): LanguageClient {
    const module = join(this.context.extensionPath, "dist", "sana.cjs");
    const client = new LanguageClient(
      "sana",
      "Sana",
      { module, args: ["serve"], transport: TransportKind.stdio },
      {
        outputChannel: this.log,
        revealOutputChannelOn: RevealOutputChannelOn.Never,
        initializationOptions: { protocolVersion: PROTOCOL_VERSION },
        errorHandler: {
          // The default handler gives up for good on a write that was pending when the process ended; its end is
          // what counts, and `closed` is told of it.
          error: () => ({ action: ErrorAction.Continue, handled: true }),
          closed: () => this.afterClose(),
        },
      },
    );
    client.onDidChangeState(({ newState }) => {
      this.stateChanged.fire(newState);
    });
    return client;
  }

  private afterClose(): { action: CloseAction; handled: boolean } {
    const now = Date.now();
    this.crashes = [...this.crashes.filter((time) => now - time < RESTART_WINDOW_MS), now];
    const restarts = this.crashes.length <= MAX_RESTARTS;
    this.log.error(`the sidecar ended unexpectedly (${this.crashes.length} in the last minutes)`);
    void this.tell(restarts);
    return { action: restarts ? CloseAction.Restart : CloseAction.DoNotRestart, handled: true };
  }

  private async tell(restarts: boolean): Promise<void> {
    const [restart, showLog] = [vscode.l10n.t("Restart"), vscode.l10n.t("Show Log")];
    const message = restarts
      ? vscode.l10n.t("Sana's sidecar ended unexpectedly and was started again.")
      : vscode.l10n.t("Sana's sidecar ends again and again; it was not started another time.");
    const choice = await vscode.window.showErrorMessage(message, restart, showLog);
    if (choice === restart) await this.restart();
    if (choice === showLog) this.log.show();
  }
}
