import { resolve } from "node:path";
import { Command, Option } from "commander";
import { SanaError } from "../errors";
import { modelOption } from "./common-options";
import { integerOption, numberOption } from "./option-values";

interface ServeOptions {
  readonly model: string;
  readonly idleMinutes: number;
  readonly clientProcessId?: number;
}

/** A timer of Node's cannot wait for longer. */
const MAX_IDLE_MINUTES = 30_000;

/** `sana serve`: the server that the extension talks to. */
export function serveCommand(): Command {
  return (
    new Command("serve")
      .description("serve requests over stdin and stdout: JSON-RPC 2.0 in LSP framing")
      .addOption(new Option("--stdio", "speak over stdin and stdout, which is the only way"))
      .addOption(modelOption())
      .addOption(numberOption("--idle-minutes <n>", "unload the model after so long without a picture").default(10))
      // vscode-languageclient adds it.
      .addOption(integerOption("--clientProcessId <pid>", "end when this process does").hideHelp())
      .action(async ({ model, idleMinutes, clientProcessId }: ServeOptions) => {
        if (!(idleMinutes > 0 && idleMinutes <= MAX_IDLE_MINUTES)) {
          throw new SanaError(
            "invalid-parameter",
            `--idle-minutes is ${idleMinutes}; allowed are numbers above 0 up to ${MAX_IDLE_MINUTES}`,
          );
        }
        // Other commands need not wait for what only the server uses.
        const { serve } = await import("../server/server");
        await serve({ model: resolve(model), idleMs: idleMinutes * 60_000, clientProcessId });
      })
  );
}
