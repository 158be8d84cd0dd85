import { spawn, type ChildProcess } from "node:child_process";
import { PROTOCOL_VERSION } from "../../sidecar/protocol";
import { FrameParser } from "../../sidecar/server/frame-parser";
import { CLI_PATH } from "../cli/run-cli";

export interface RawMessage {
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { code: number; message: string; data?: unknown };
}

/** A server process that is talked to in bytes, as no client's library would. */
export class RawClient {
  readonly process: ChildProcess;
  readonly messages: RawMessage[] = [];
  /** Why its stdout is not the protocol, where it is not. */
  fault: string | undefined;
  log = "";
  readonly exited: Promise<number | null>;
  private waiting: (() => void)[] = [];

  constructor(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
    this.process = spawn(process.execPath, [CLI_PATH, "serve", ...args], {
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.process.stdin!.on("error", () => undefined);
    this.process.stderr!.setEncoding("utf8").on("data", (text: string) => (this.log += text));
    this.exited = new Promise((resolve) => {
      this.process.on("exit", (code) => {
        resolve(code);
        this.wake();
      });
    });
    const parser = new FrameParser(2 ** 30);
    this.process.stdout!.on("data", (chunk: Uint8Array) => {
      for (const frame of parser.push(chunk)) {
        if (frame.type === "body") this.messages.push(JSON.parse(Buffer.from(frame.bytes).toString()) as RawMessage);
        else this.fault = frame.type;
      }
      this.wake();
    });
  }

  /** Sends bytes as they are. */
  bytes(data: string | Uint8Array): void {
    this.process.stdin!.write(data);
  }

  /** Sends a value with a correct header. */
  send(value: unknown): void {
    this.bytes(framed(JSON.stringify(value)));
  }

  /** The answer to a request with that id; the first of those that came after the first `after` messages. */
  async answer(id: string | number | null, after = 0): Promise<RawMessage> {
    for (;;) {
      const found = this.messages.slice(after).find((message) => message.id === id && message.method === undefined);
      if (found !== undefined) return found;
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        throw new Error(`the server has ended: ${this.log}`);
      }
      await new Promise<void>((resolve) => this.waiting.push(resolve));
    }
  }

  /** Sends a request and waits for its answer. */
  async ask(id: string | number, method: string, params?: unknown): Promise<RawMessage> {
    const before = this.messages.length;
    this.send({ jsonrpc: "2.0", id, method, ...(params === undefined ? {} : { params }) });
    return this.answer(id, before);
  }

  initialize(protocolVersion: unknown = PROTOCOL_VERSION): Promise<RawMessage> {
    return this.ask("initialize", "initialize", { capabilities: {}, initializationOptions: { protocolVersion } });
  }

  kill(): void {
    this.process.kill("SIGKILL");
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}

export function framed(body: string): string {
  return `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
