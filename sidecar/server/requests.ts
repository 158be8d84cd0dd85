import * as v from "valibot";
import { ErrorCodes, ResponseError, type CancellationToken, type Connection } from "vscode-languageserver/node";
import { SanaError } from "../errors";
import { InsufficientMemoryError } from "../generation/insufficient-memory";
import { ERROR_CODES, type ErrorData } from "../protocol";
import { originOf, type Log } from "./log";

/**
 * Answers one of the protocol's requests: its params are validated, a SanaError becomes an error with the code that the
 * protocol gives it, and `$/cancelRequest` aborts the signal.
 */
export function onRequest<const Params extends v.GenericSchema, const Result extends v.GenericSchema>(
  connection: Connection,
  request: { readonly method: string; readonly params: Params; readonly result: Result },
  context: {
    answer: (params: v.InferOutput<Params>, signal: AbortSignal) => Promise<v.InferOutput<Result>>;
    log: Log;
  },
): void {
  connection.onRequest(request.method, async (...args: unknown[]) => {
    const token = args.at(-1) as CancellationToken;
    const params = args.length > 1 ? args[0] : undefined;
    const controller = new AbortController();
    const subscription = token.onCancellationRequested(() => {
      controller.abort();
    });
    if (token.isCancellationRequested) controller.abort();
    try {
      return await context.answer(parseParams(request.params, params), controller.signal);
    } catch (error) {
      return responseError(error, { ...context, method: request.method });
    } finally {
      subscription.dispose();
    }
  });
}

/** Throws `invalid-parameter` naming the key, and what is allowed. */
export function parseParams<const Params extends v.GenericSchema>(
  schema: Params,
  params: unknown,
): v.InferOutput<Params> {
  const result = v.safeParse(schema, params, { abortEarly: true });
  if (result.success) return result.output;
  const issue = result.issues[0];
  const key = (v.getDotPath(issue) ?? "params").slice(0, 100);
  if (issue.expected === "never") throw new SanaError("invalid-parameter", `${key} is not a parameter`);
  if (issue.type === "strict_object") {
    const missing = issue.path !== undefined && issue.input === undefined;
    throw new SanaError("invalid-parameter", missing ? `${key} is missing` : `${key} must be an object`);
  }
  throw new SanaError("invalid-parameter", `${key} ${issue.message}`);
}

function responseError(
  error: unknown,
  { method, log }: { method: string; log: Log },
): ResponseError<ErrorData | undefined> {
  if (error instanceof SanaError) {
    if (error.code !== "cancelled") log("info", `${method} was answered with ${error.code}`);
    return new ResponseError(ERROR_CODES[error.code], error.message, {
      code: error.code,
      ...(error instanceof InsufficientMemoryError
        ? { neededBytes: error.neededBytes, freeBytes: error.freeBytes }
        : {}),
    });
  }
  log("error", `${method} failed: ${originOf(error)}`);
  return new ResponseError(
    ErrorCodes.InternalError,
    `internal error: ${error instanceof Error ? error.message : String(error)}`,
    undefined,
  );
}
