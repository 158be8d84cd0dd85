import { cpus } from "node:os";
import { isDeepStrictEqual } from "node:util";
import {
  createConnection,
  ResponseError,
  StreamMessageWriter,
  type Connection,
  type InitializeError,
  type InitializeParams,
  type InitializeResult,
  type Message,
} from "vscode-languageserver/node";
import { SanaError } from "../errors";
import { buildManifest, checkAssets } from "../language/asset-requests";
import { ManifestLanguage } from "../language/manifest-language";
import {
  BuildAssetsRequest,
  CheckAssetsRequest,
  ERROR_CODES,
  EstimateRequest,
  GenerateRequest,
  InitializationOptions,
  InspectImageRequest,
  ModelsRequest,
  PreviewNotification,
  PROTOCOL_VERSION,
  QueueNotification,
  StatusRequest,
  UnloadRequest,
  type AssetsProgress,
  type Queue,
  type StatusResult,
} from "../protocol";
import { Admission } from "./admission";
import { estimate } from "./estimate";
import { generate, type Studio } from "./generate";
import { inspectImage } from "./inspect-image";
import { logTo, originOf, type Log } from "./log";
import { BoundedMessageReader } from "./message-reader";
import { listModels } from "./models";
import { Paces } from "./pace";
import { watchProcess } from "./parent-watch";
import { PictureMaker } from "./picture-maker";
import { PictureQueue } from "./picture-queue";
import { protectedStdout } from "./protected-stdout";
import { onRequest, parseParams } from "./requests";

declare const PROGRAM_VERSION: string;

/** Previews that a client may leave unread before further ones are left out. */
const MAX_UNREAD_PREVIEWS = 8;

/** Long enough for a file that is being written when the client goes away. */
const LAST_WRITE_MS = 5_000;

export interface ServeOptions {
  /** Absolute path of the checkpoint that pictures are made with where no other is named. */
  readonly model: string;
  readonly idleMs: number;
  /** The client's process where it is known before `initialize`. */
  readonly clientProcessId: number | undefined;
}

/** Serves requests over stdin and stdout until the client says `exit` or goes away; never resolves before that. */
export function serve(options: ServeOptions): Promise<never> {
  new Server(options).listen();
  return new Promise(() => undefined);
}

class Server implements Studio {
  readonly ownModel: string;
  readonly queue = new PictureQueue(() => {
    this.announceQueue();
  });
  readonly maker: PictureMaker;
  readonly paces = new Paces();
  private readonly log: Log = logTo(process.stderr);
  private readonly connection: Connection;
  private readonly language: ManifestLanguage;
  private readonly started = performance.now();
  /** Aborted when no picture is wanted any more. */
  private readonly closing = new AbortController();
  private pictures = new Set<Promise<unknown>>();
  private latest: StatusResult["progress"] = null;
  private announced: Queue | undefined;
  private unreadPreviews = 0;
  private shutDown = false;

  constructor(private readonly options: ServeOptions) {
    this.ownModel = options.model;
    this.maker = new PictureMaker({
      idleMs: options.idleMs,
      log: this.log,
      onChange: () => {
        this.announceQueue();
      },
    });
    this.connection = this.connect();
    this.language = new ManifestLanguage(this.connection, { ownModel: options.model, log: this.log });
    this.connection.onInitialize((params) => this.initialize(params));
    this.connection.onShutdown(() => this.close());
    this.connection.onExit(() => {
      process.exit(this.shutDown ? 0 : 1);
    });
    this.answerRequests();
  }

  listen(): void {
    process.stdin.on("end", () => {
      void this.leave("stdin ended");
    });
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      process.on(signal, () => void this.leave(signal));
    }
    process.on("unhandledRejection", (error) => {
      this.log("error", `unhandled: ${originOf(error)}`);
    });
    if (this.options.clientProcessId !== undefined) this.watchClient(this.options.clientProcessId);
    this.connection.listen();
    this.log("info", `sana ${PROGRAM_VERSION} serves protocol version ${PROTOCOL_VERSION} as process ${process.pid}`);
  }

  onProgress: Studio["onProgress"] = (token, value) => {
    if (this.closing.signal.aborted) return;
    this.latest = { token, value };
    this.send("$/progress", { token, value });
  };

  onPreview: Studio["onPreview"] = (preview) => {
    // A client that does not read would have the server keep them all.
    if (this.unreadPreviews >= MAX_UNREAD_PREVIEWS) return;
    this.unreadPreviews += 1;
    this.send(PreviewNotification.method, preview, () => (this.unreadPreviews -= 1));
  };

  private connect(): Connection {
    const admission = new Admission();
    const output = protectedStdout(() => void this.leave("stdout cannot be written to"));
    const writer = new (class extends StreamMessageWriter {
      override write(message: Message): Promise<void> {
        admission.outbound(message);
        return super.write(message);
      }
    })(output);
    const reader = new BoundedMessageReader(process.stdin, {
      admission,
      answer: (message) => void writer.write(message).catch(() => undefined),
      log: this.log,
    });
    return createConnection(reader, writer);
  }

  private initialize(params: InitializeParams): InitializeResult | ResponseError<InitializeError> {
    try {
      const { protocolVersion, assetsLabels } = parseParams(InitializationOptions, params.initializationOptions);
      if (protocolVersion !== PROTOCOL_VERSION) {
        throw new SanaError(
          "protocol-version",
          `the client speaks protocol version ${protocolVersion}, the server ${PROTOCOL_VERSION}; install the same version of both`,
        );
      }
      this.language.initialize(params, assetsLabels);
    } catch (error) {
      if (!(error instanceof SanaError)) throw error;
      // vscode-languageclient asks its user to retry where this says so.
      return new ResponseError(ERROR_CODES[error.code], error.message, { code: error.code, retry: false });
    }
    if (typeof params.processId === "number") this.watchClient(params.processId);
    return {
      capabilities: {
        ...this.language.capabilities,
        experimental: { sana: { protocolVersion: PROTOCOL_VERSION, programVersion: PROGRAM_VERSION } },
      },
      serverInfo: { name: "sana", version: PROGRAM_VERSION },
    };
  }

  private answerRequests(): void {
    const { connection, log } = this;
    onRequest(connection, GenerateRequest, {
      log,
      answer: (params, signal) =>
        this.finishing(generate(params, AbortSignal.any([signal, this.closing.signal]), this)),
    });
    onRequest(connection, CheckAssetsRequest, {
      log,
      answer: (params, signal) => checkAssets(params, signal, this.language),
    });
    onRequest(connection, BuildAssetsRequest, {
      log,
      answer: ({ token, ...params }, signal) => {
        const onProgress = (value: AssetsProgress): void => {
          this.send("$/progress", { token, value });
        };
        const context = { signal: AbortSignal.any([signal, this.closing.signal]), onProgress };
        return this.finishing(buildManifest(params, { ...context, language: this.language, workshop: this }));
      },
    });
    onRequest(connection, StatusRequest, { log, answer: () => Promise.resolve(this.status()) });
    onRequest(connection, ModelsRequest, { log, answer: ({ folders }) => listModels(this.ownModel, folders) });
    onRequest(connection, EstimateRequest, { log, answer: (params) => estimate(params, this) });
    onRequest(connection, InspectImageRequest, { log, answer: ({ path }) => inspectImage(path) });
    onRequest(connection, UnloadRequest, {
      log,
      answer: async () => {
        if (this.queue.positions().length > 0) return { outcome: "busy" };
        return { outcome: (await this.maker.unload()) ? "unloaded" : "not-loaded" };
      },
    });
  }

  /** The server does not end before it is settled. */
  private finishing<Result>(result: Promise<Result>): Promise<Result> {
    const settled = result.catch(() => undefined);
    this.pictures.add(settled);
    void settled.finally(() => this.pictures.delete(settled));
    return result;
  }

  private status(): StatusResult {
    const state = this.queueState();
    return {
      ...state,
      programVersion: PROGRAM_VERSION,
      // What is known last may be about the picture before.
      progress: this.latest?.token === state.queue[0]?.token ? this.latest : null,
      provider: this.maker.model?.compute.provider ?? null,
      precision: this.maker.model?.compute.precision ?? null,
      deviceName: cpus()[0]?.model.trim() ?? "unknown processor",
      memory: { server: process.memoryUsage.rss(), worker: this.maker.workerBytes },
      uptimeSeconds: (performance.now() - this.started) / 1000,
      idleSeconds: this.options.idleMs / 1000,
    };
  }

  private queueState(): Queue {
    const { model, state } = this.maker;
    const queue = this.queue.positions();
    return {
      // Between two pictures the next one is on its way already.
      state: queue.length > 0 && state === "idle" ? "loading" : state,
      queue,
      model: model === undefined ? null : { folder: model.folder, name: model.name },
    };
  }

  private announceQueue(): void {
    if (this.closing.signal.aborted) return;
    const state = this.queueState();
    if (isDeepStrictEqual(state, this.announced)) return;
    this.announced = state;
    this.send(QueueNotification.method, state);
    for (const { token, position } of state.queue) {
      if (position === 0) continue;
      const value = { stage: "queued", step: position, total: 0, fraction: 0, secondsLeft: null } as const;
      this.send("$/progress", { token, value });
    }
  }

  /** A client that has gone away is found out by other means. */
  private send(method: string, params: object, onSent: () => void = () => undefined): void {
    this.connection.sendNotification(method, params).then(onSent, onSent);
  }

  private watchClient(processId: number): void {
    watchProcess(processId, () => void this.leave("the client's process has ended"));
  }

  /** Gives every picture up and ends the worker; what is being written is finished. */
  private async close(): Promise<void> {
    this.shutDown = true;
    this.closing.abort();
    await Promise.allSettled(this.pictures);
    await this.maker.end();
  }

  private async leave(reason: string): Promise<void> {
    if (this.closing.signal.aborted && !this.shutDown) return;
    this.log("info", `leaving: ${reason}`);
    const orderly = this.shutDown;
    setTimeout(() => process.exit(1), LAST_WRITE_MS).unref();
    await this.close();
    process.exit(orderly ? 0 : 1);
  }
}
