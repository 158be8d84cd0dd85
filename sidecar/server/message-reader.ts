import type { Readable } from "node:stream";
import {
  AbstractMessageReader,
  Disposable,
  type DataCallback,
  type MessageReader,
  type ResponseMessage,
} from "vscode-languageserver/node";
import { JSON_RPC_ERRORS, MAX_MESSAGE_BYTES } from "../protocol";
import { errorMessage, type Admission } from "./admission";
import { FrameParser, type Frame } from "./frame-parser";
import type { Log } from "./log";

/**
 * Reads messages of bounded length and passes on those that `admission` lets pass. The library's own reader keeps
 * whatever length is announced, and stops for good at the first message that it cannot parse.
 */
export class BoundedMessageReader extends AbstractMessageReader implements MessageReader {
  constructor(
    private readonly input: Readable,
    private readonly context: { admission: Admission; answer: (message: ResponseMessage) => void; log: Log },
  ) {
    super();
  }

  listen(callback: DataCallback): Disposable {
    const parser = new FrameParser(MAX_MESSAGE_BYTES);
    const onData = (chunk: Uint8Array): void => {
      for (const frame of parser.push(chunk)) this.take(frame, callback);
    };
    this.input.on("data", onData);
    this.input.on("error", (error) => {
      this.fireError(error);
    });
    this.input.on("close", () => {
      this.fireClose();
    });
    return Disposable.create(() => this.input.off("data", onData));
  }

  private take(frame: Frame, callback: DataCallback): void {
    const { admission, answer, log } = this.context;
    if (frame.type === "bad-header") {
      answer(errorMessage(null, JSON_RPC_ERRORS.parseError, "a header without Content-Length was skipped"));
      return;
    }
    if (frame.type === "too-long") {
      const text = `a message of ${frame.length} bytes was skipped; at most ${MAX_MESSAGE_BYTES} are allowed`;
      log("warn", text);
      answer(errorMessage(null, JSON_RPC_ERRORS.invalidRequest, text));
      return;
    }
    let value: unknown;
    try {
      value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(frame.bytes));
    } catch {
      answer(errorMessage(null, JSON_RPC_ERRORS.parseError, "a message is not JSON in UTF-8"));
      return;
    }
    const verdict = admission.inbound(value);
    if ("answer" in verdict) answer(verdict.answer);
    else if ("ignore" in verdict) log("debug", `ignored ${verdict.ignore}`);
    else callback(verdict.pass);
  }
}
