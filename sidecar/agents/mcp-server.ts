import { McpServer, type CallToolResult, type ServerContext } from "@modelcontextprotocol/server";
import { serveStdio, StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { toStandardJsonSchema } from "@valibot/to-json-schema";
import type { GenerateParams, GenerationProgress } from "../protocol";
import { logTo, originOf } from "../server/log";
import { protectedStdout } from "../server/protected-stdout";
import { openWorkshop } from "../server/workshop";
import { makePictures, type PictureContext } from "./make-pictures";
import { TOOL_DESCRIPTION, ToolInput } from "./tool-input";

declare const PROGRAM_VERSION: string;

export interface McpOptions {
  /** Absolute path of the checkpoint. */
  readonly model: string;
  /** Absolute path of the folder that pictures are saved in. */
  readonly folder: string;
  readonly idleMs: number;
  readonly compute: Pick<GenerateParams, "provider" | "precision">;
}

/** Long enough for a file that is being written when the client goes away. */
const LAST_WRITE_MS = 5_000;

/** Serves the picture tool over stdin and stdout until the client goes away; never resolves before that. */
export function serveMcp({ model, folder, idleMs, compute }: McpOptions): Promise<never> {
  const log = logTo(process.stderr);
  const workshop = openWorkshop({ model, idleMs });
  const closing = new AbortController();
  const leave = (reason: string): void => {
    if (closing.signal.aborted) return;
    log("info", `leaving: ${reason}`);
    closing.abort();
    setTimeout(() => process.exit(1), LAST_WRITE_MS).unref();
    void workshop.end().finally(() => process.exit(0));
  };
  process.stdin.once("end", () => {
    leave("stdin ended");
  });
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.once(signal, () => {
      leave(signal);
    });
  }
  const output = protectedStdout(() => {
    leave("stdout cannot be written to");
  });
  serveStdio(() => pictureServer({ folder, workshop, compute, signal: closing.signal }), {
    transport: new StdioServerTransport(process.stdin, output),
    onerror: (error) => {
      log("error", originOf(error));
    },
  });
  log("info", `sana ${PROGRAM_VERSION} serves MCP as process ${process.pid}`);
  return new Promise(() => undefined);
}

function pictureServer(context: Omit<PictureContext, "onProgress">): McpServer {
  const server = new McpServer({ name: "sana", title: "Sana", version: PROGRAM_VERSION });
  server.registerTool(
    "generate_image",
    {
      title: "Generate Image",
      description: TOOL_DESCRIPTION,
      inputSchema: toStandardJsonSchema(ToolInput),
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    },
    (input, call) => answer(input, call, context),
  );
  return server;
}

/** Each picture as text and image. What fails is said behind the pictures that were made before. */
async function answer(
  input: ToolInput,
  call: ServerContext,
  context: Omit<PictureContext, "onProgress">,
): Promise<CallToolResult> {
  const content: CallToolResult["content"] = [];
  const signal = AbortSignal.any([context.signal, call.mcpReq.signal]);
  const onProgress = progressOf(call, input.count);
  try {
    for await (const { picture, png } of makePictures(input, { ...context, signal, onProgress })) {
      content.push(
        { type: "text", text: JSON.stringify(picture) },
        { type: "image", mimeType: "image/png", data: Buffer.from(png).toString("base64") },
      );
    }
    return { content };
  } catch (error) {
    content.push({ type: "text", text: error instanceof Error ? error.message : String(error) });
    return { content, isError: true };
  }
}

/** Tells the client how far the pictures are, where it asked for that. What it is told only grows. */
function progressOf({ mcpReq }: ServerContext, total: number): PictureContext["onProgress"] {
  const progressToken = mcpReq._meta?.progressToken;
  if (progressToken === undefined) return () => undefined;
  let told = 0;
  return (number, progress) => {
    const done = number + progress.fraction;
    if (done <= told) return;
    told = done;
    const params = { progressToken, progress: done, total, message: inWords(progress) };
    // A client that has gone away is found out by other means.
    mcpReq.notify({ method: "notifications/progress", params }).catch(() => undefined);
  };
}

function inWords({ stage, step, total }: GenerationProgress): string {
  return stage === "steps" ? `step ${step} of ${total}` : stage.replace("-", " ");
}
