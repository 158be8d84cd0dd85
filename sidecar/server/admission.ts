import { ErrorCodes, type Message, type ResponseMessage } from "vscode-languageserver/node";
import { JSON_RPC_ERRORS } from "../protocol";

/** What is done with an inbound value: passed on, answered with an error, or ignored for the reason given. */
export type Verdict = { readonly pass: Message } | { readonly answer: ResponseMessage } | { readonly ignore: string };

type Phase = "new" | "initializing" | "ready" | "shut-down";

/**
 * The rules of JSON-RPC and LSP that the connection itself does not enforce: what a message looks like, `initialize`
 * first and once, nothing after `shutdown`, no id that is still in use. Sees every message in both directions.
 */
export class Admission {
  private phase: Phase = "new";
  /** Ids of requests that are not answered yet. 1 and "1" count as the same: the connection confuses them. */
  private readonly pending = new Set<string>();
  private initializeId: string | undefined;
  /** Ids of the server's own requests that are not answered yet. */
  private readonly asked = new Set<unknown>();

  inbound(value: unknown): Verdict {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      return refusal(null, JSON_RPC_ERRORS.invalidRequest, "a message must be an object; batches are not supported");
    }
    const { jsonrpc, id, method, params } = value as Record<string, unknown>;
    const usableId = typeof id === "string" || (typeof id === "number" && Number.isSafeInteger(id)) ? id : null;
    if (method === undefined && ("result" in value || "error" in value)) {
      return this.asked.delete(id)
        ? { pass: value as unknown as Message }
        : { ignore: "an answer to no request of the server" };
    }
    if (jsonrpc !== "2.0") return refusal(usableId, JSON_RPC_ERRORS.invalidRequest, '"jsonrpc" must be "2.0"');
    if (typeof method !== "string") {
      return refusal(usableId, JSON_RPC_ERRORS.invalidRequest, '"method" must be a string');
    }
    if (id === undefined) return this.notification(value as Message, method, params);
    if (usableId === null) {
      return refusal(null, JSON_RPC_ERRORS.invalidRequest, '"id" must be a string or a whole number');
    }
    return this.request(value as Message, { id: usableId, method, params });
  }

  /** An answer or a request that goes out. */
  outbound(message: Message): void {
    if (!("id" in message)) return;
    if ("method" in message) {
      this.asked.add(message.id);
      return;
    }
    const { id, error } = message as ResponseMessage;
    if (id === null) return;
    this.pending.delete(String(id));
    if (String(id) !== this.initializeId) return;
    this.initializeId = undefined;
    // A client that was refused may try again, and must not go on as if nothing had happened.
    if (this.phase === "initializing") this.phase = error === undefined ? "ready" : "new";
  }

  private request(message: Message, request: { id: string | number; method: string; params: unknown }): Verdict {
    const { id, method, params } = request;
    if (this.pending.has(String(id))) {
      const text = `the id ${JSON.stringify(id).slice(0, 100)} belongs to a request that is still pending`;
      return refusal(null, JSON_RPC_ERRORS.invalidRequest, text);
    }
    if (this.phase === "shut-down") {
      return refusal(id, JSON_RPC_ERRORS.invalidRequest, "the server has been shut down; only exit may follow");
    }
    if (params !== undefined && params !== null && (typeof params !== "object" || Array.isArray(params))) {
      return refusal(id, ErrorCodes.InvalidParams, "params must be an object");
    }
    if (method === "initialize") {
      if (this.phase !== "new") return refusal(id, JSON_RPC_ERRORS.invalidRequest, "initialize was sent before");
      const obstacle = obstacleToInitialize(params);
      if (obstacle !== undefined) return refusal(id, ErrorCodes.InvalidParams, obstacle);
      this.phase = "initializing";
      this.initializeId = String(id);
    } else if (this.phase !== "ready") {
      return refusal(id, JSON_RPC_ERRORS.serverNotInitialized, "initialize must come first");
    }
    if (method === "shutdown") this.phase = "shut-down";
    this.pending.add(String(id));
    return { pass: message };
  }

  private notification(message: Message, method: string, params: unknown): Verdict {
    if (method === "exit") return { pass: message };
    if (this.phase !== "ready") return { ignore: "a notification outside a session" };
    if (method === "$/cancelRequest") {
      const id = typeof params === "object" && params !== null ? (params as { id?: unknown }).id : undefined;
      const known = (typeof id === "string" || typeof id === "number") && this.pending.has(String(id));
      return known ? { pass: message } : { ignore: "a cancellation of no pending request" };
    }
    // Such notifications may be ignored, says LSP, and none of the others is of use here.
    if (method.startsWith("$/")) return { ignore: "a notification that is not used" };
    if (params !== undefined && (typeof params !== "object" || params === null || Array.isArray(params))) {
      return { ignore: "a notification whose params are no object" };
    }
    return { pass: message };
  }
}

/** What LSP's own handling of `initialize` needs to be there. */
function obstacleToInitialize(params: unknown): string | undefined {
  const isObject = (value: unknown): boolean => typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isObject(params)) return "params must be an object";
  const { capabilities, trace, processId } = params as Record<string, unknown>;
  const isProcess = Number.isInteger(processId) && (processId as number) > 0 && (processId as number) < 2 ** 31;
  if (processId !== undefined && processId !== null && !isProcess) {
    return "processId must be null or the number of a process";
  }
  if (!isObject(capabilities)) return "capabilities must be an object";
  if (trace !== undefined && !["off", "messages", "compact", "verbose"].includes(trace as string)) {
    return "trace must be one of off, messages, compact, verbose";
  }
  return undefined;
}

/** An error that answers `id`, or nobody in particular where it is null. */
function refusal(id: string | number | null, code: number, message: string): Verdict {
  return { answer: errorMessage(id, code, message) };
}

export function errorMessage(id: string | number | null, code: number, message: string): ResponseMessage {
  return { jsonrpc: "2.0", id, error: { code, message } };
}
