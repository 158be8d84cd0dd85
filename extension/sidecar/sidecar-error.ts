import * as v from "valibot";
import { ERROR_CODES, ErrorData } from "../../sidecar/protocol";

/** The protocol's codes, and what can go wrong with the process itself. */
export type SidecarErrorCode =
  | ErrorData["code"]
  /** The process ended before it answered. */
  | "sidecar-ended"
  /** The process could not be started. */
  | "sidecar-not-started"
  /** A bug of the sidecar. */
  | "internal-error";

/** What every request to the sidecar rejects with. `message` is one line, in English, of whoever found the problem. */
export class SidecarError extends Error {
  constructor(
    readonly code: SidecarErrorCode,
    message: string,
    /** With `insufficient-memory`: what is needed and what is free. */
    readonly memory?: { readonly neededBytes: number; readonly freeBytes: number },
  ) {
    super(message);
    this.name = "SidecarError";
  }
}

/**
 * The error of an answer (JSON-RPC: `code`, `message`, `data`). Null for what is no answer: the connection is gone, and
 * the end of the process is the reason.
 */
export function errorOfAnswer(error: unknown): SidecarError | null {
  if (!(error instanceof Error)) return null;
  const { code, data } = error as { code?: unknown; data?: unknown };
  const parsed = v.safeParse(ErrorData, data);
  if (parsed.success) {
    const { neededBytes, freeBytes } = parsed.output;
    const memory = neededBytes === undefined || freeBytes === undefined ? undefined : { neededBytes, freeBytes };
    return new SidecarError(parsed.output.code, error.message, memory);
  }
  // Cancelled by the client library itself, before the request was sent.
  if (code === ERROR_CODES.cancelled) return new SidecarError("cancelled", error.message);
  if (typeof code !== "number" || CONNECTION_ERRORS.has(code)) return null;
  return new SidecarError("internal-error", error.message);
}

/** Whether the user stopped it: nothing to report. */
export function isCancelled(error: unknown): boolean {
  return (
    (error instanceof SidecarError && error.code === "cancelled") ||
    (error instanceof Error && error.name === "Canceled")
  );
}

/**
 * What vscode-jsonrpc rejects with when there is no connection any more: PendingResponseRejected, ConnectionInactive,
 * MessageWriteError; and ConnectionErrors.Closed, Disposed, AlreadyListening, which number from 1.
 */
const CONNECTION_ERRORS: ReadonlySet<number> = new Set([-32097, -32096, -32099, 1, 2, 3]);
