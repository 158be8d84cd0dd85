import { resolve } from "node:path";
import { Command, Option } from "commander";
import { chosenModel, modelOption, qualityOption, type ModelOptions } from "./common-options";
import { idleMinutesOption, idleMs } from "./idle-minutes";
import { integerOption } from "./option-values";

interface ServeOptions extends ModelOptions {
  readonly idleMinutes: number;
  readonly clientProcessId?: number;
}

/** `sana serve`: the server that the extension talks to. */
export function serveCommand(): Command {
  return (
    new Command("serve")
      .description("serve requests over stdin and stdout: JSON-RPC 2.0 in LSP framing")
      .addOption(new Option("--stdio", "speak over stdin and stdout, which is the only way"))
      .addOption(modelOption())
      .addOption(qualityOption())
      .addOption(idleMinutesOption())
      // vscode-languageclient adds it.
      .addOption(integerOption("--clientProcessId <pid>", "end when this process does").hideHelp())
      .action(async ({ idleMinutes, clientProcessId, ...models }: ServeOptions) => {
        const options = { model: resolve(chosenModel(models)), idleMs: idleMs(idleMinutes), clientProcessId };
        // Other commands need not wait for what only the server uses.
        const { serve } = await import("../server/server");
        await serve(options);
      })
  );
}
