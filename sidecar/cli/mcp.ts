import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Command } from "commander";
import { SanaError } from "../errors";
import {
  chosenModel,
  computeOptions,
  modelOption,
  qualityOption,
  type CommonOptions,
  type ModelOptions,
} from "./common-options";
import { idleMinutesOption, idleMs } from "./idle-minutes";
import { pathOption } from "./option-values";

interface McpOptions extends CommonOptions, ModelOptions {
  readonly folder: string;
  readonly idleMinutes: number;
}

/** `sana mcp`: the picture tool for agents. */
export function mcpCommand(): Command {
  const command = new Command("mcp")
    .description("offer a tool that makes pictures to an agent: Model Context Protocol over stdin and stdout")
    .addOption(pathOption("--folder <folder>", "where pictures are saved").default(".", "the working directory"))
    .addOption(modelOption())
    .addOption(qualityOption())
    .addOption(idleMinutesOption());
  for (const option of computeOptions()) command.addOption(option);
  return command.action(async ({ folder, idleMinutes, provider, precision, ...models }: McpOptions) => {
    const root = resolve(folder);
    const isFolder = await stat(root).then(
      (status) => status.isDirectory(),
      () => false,
    );
    if (!isFolder) throw new SanaError("invalid-parameter", `--folder is "${folder}", which is not a folder`);
    // A bundle of its own: the library is a third of the program, and every other command would have to read it.
    const bundle = pathToFileURL(`${__dirname}/mcp-server.cjs`).href;
    const { serveMcp } = (await import(bundle)) as typeof import("../agents/mcp-server");
    await serveMcp({
      model: resolve(chosenModel(models)),
      folder: root,
      idleMs: idleMs(idleMinutes),
      compute: { provider, precision },
    });
  });
}
