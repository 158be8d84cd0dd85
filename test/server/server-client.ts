import { spawn, type ChildProcess } from "node:child_process";
import {
  CancellationTokenSource,
  createMessageConnection,
  ResponseError,
  StreamMessageReader,
  StreamMessageWriter,
  type MessageConnection,
} from "vscode-languageserver/node";
import {
  GenerateRequest,
  PreviewNotification,
  PROTOCOL_VERSION,
  QueueNotification,
  StatusRequest,
  type GenerateParams,
  type GenerateResult,
  type GenerationProgress,
  type Preview,
  type Queue,
  type StatusResult,
} from "../../sidecar/protocol";
import { CLI_PATH } from "../cli/run-cli";

interface ServerOptions {
  readonly args?: readonly string[];
  /** A JavaScript file that starts the server, the program's path and arguments behind its own. */
  readonly launcher?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** What a server said about one picture, by when it said it. */
export interface PictureRecord {
  readonly progress: { value: GenerationProgress; time: number }[];
  readonly previews: Preview[];
}

/** A server process and a client's end of its connection. */
export class ServerClient {
  readonly process: ChildProcess;
  readonly connection: MessageConnection;
  /** Every state of the queue that was announced. */
  readonly queues: Queue[] = [];
  log = "";
  private readonly records = new Map<string | number, PictureRecord>();
  private tokens = 0;
  /** Resolves with the exit code, null where a signal ended it. */
  readonly exited: Promise<number | null>;

  constructor({ args = [], launcher, env = {} }: ServerOptions = {}) {
    const launch = launcher === undefined ? [] : [launcher];
    this.process = spawn(process.execPath, [...launch, CLI_PATH, "serve", "--stdio", ...args], {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.process.stderr!.setEncoding("utf8").on("data", (text: string) => (this.log += text));
    // A server that was killed takes no more.
    this.process.stdin!.on("error", () => undefined);
    this.exited = new Promise((resolve) => {
      this.process.on("exit", (code) => {
        resolve(code);
      });
    });
    this.connection = createMessageConnection(
      new StreamMessageReader(this.process.stdout!),
      new StreamMessageWriter(this.process.stdin!),
    );
    this.connection.onError(() => undefined);
    this.connection.onNotification(QueueNotification.method, (queue: Queue) => {
      this.queues.push(queue);
    });
    this.connection.onNotification(PreviewNotification.method, (preview: Preview) => {
      this.records.get(preview.token)?.previews.push(preview);
    });
    this.connection.onNotification("$/progress", (params: { token: string; value: GenerationProgress }) => {
      this.records.get(params.token)?.progress.push({ value: params.value, time: performance.now() });
    });
    this.connection.listen();
  }

  initialize(protocolVersion: unknown = PROTOCOL_VERSION, processId: number | null = null): Promise<unknown> {
    const initializationOptions = { protocolVersion };
    return this.connection.sendRequest("initialize", {
      processId,
      rootUri: null,
      capabilities: {},
      initializationOptions,
    });
  }

  request(method: string, params?: object): Promise<unknown> {
    return params === undefined ? this.connection.sendRequest(method) : this.connection.sendRequest(method, params);
  }

  status(): Promise<StatusResult> {
    return this.connection.sendRequest<StatusResult>(StatusRequest.method, {});
  }

  /** Asks for a picture. `record` fills while it is made; `cancel` sends `$/cancelRequest`. */
  generate(params: Omit<GenerateParams, "token">): {
    result: Promise<GenerateResult>;
    record: PictureRecord;
    cancel: () => void;
    token: string;
  } {
    this.tokens += 1;
    const token = `picture-${this.tokens}`;
    const record: PictureRecord = { progress: [], previews: [] };
    this.records.set(token, record);
    const cancellation = new CancellationTokenSource();
    const result = this.connection.sendRequest<GenerateResult>(
      GenerateRequest.method,
      { ...params, token },
      cancellation.token,
    );
    const cancel = (): void => {
      cancellation.cancel();
    };
    return { result, record, cancel, token };
  }

  /** Ends the session as a client should; resolves with the exit code. */
  async stop(): Promise<number | null> {
    await this.request("shutdown");
    await this.connection.sendNotification("exit");
    return this.exited;
  }

  kill(): void {
    this.process.kill("SIGKILL");
    this.connection.dispose();
  }
}

/** The error that a request was answered with; fails where it was answered with a result. */
export async function errorOf(answer: Promise<unknown>): Promise<ResponseError<{ code?: string } | undefined>> {
  try {
    await answer;
  } catch (error) {
    if (error instanceof ResponseError) return error as ResponseError<{ code?: string } | undefined>;
    throw error;
  }
  throw new Error("the request succeeded");
}
