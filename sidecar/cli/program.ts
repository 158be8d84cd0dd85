import { Command, CommanderError } from "commander";
import { SanaError } from "../errors";
import { assetsCommand } from "./assets";
import { decodeCommand } from "./decode";
import { embedCommand } from "./embed";
import { encodeCommand } from "./encode";
import { generateCommand } from "./generate";
import { inspectCommand } from "./inspect";
import { mcpCommand } from "./mcp";
import { serveCommand } from "./serve";
import { tokenizeCommand } from "./tokenize";

declare const PROGRAM_VERSION: string;

/** Room for several of the longest paths that exist; options can have a hundred thousand characters. */
const MAX_MESSAGE_LENGTH = 10_000;

/**
 * Runs one command and returns the process's exit code: 0 where everything that was asked for was written, 130 where
 * the user stopped it, else 1. Refusals go to stderr as one line.
 */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const program = new Command("sana")
    .description("Text-to-image generation on your own machine.")
    .version(PROGRAM_VERSION)
    .helpCommand(false)
    .exitOverride()
    // Refusals are printed here: commander would put its whole help before some of them.
    .configureOutput({ outputError: () => undefined, writeErr: () => undefined });
  for (const command of [
    generateCommand(),
    embedCommand(),
    decodeCommand(),
    encodeCommand(),
    tokenizeCommand(),
    inspectCommand(),
    assetsCommand(),
    serveCommand(),
    mcpCommand(),
  ]) {
    program.addCommand(inheritSettings(command, program));
  }
  // Notices and progress that nobody reads any more must not end a run that is going well.
  process.stderr.on("error", () => undefined);
  try {
    await program.parseAsync([...args], { from: "user" });
    return 0;
  } catch (error) {
    return report(error);
  }
}

function inheritSettings(command: Command, program: Command): Command {
  return command.copyInheritedSettings(program).allowExcessArguments(false);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) {
    // Help and version are not failures; commander has printed them.
    if (error.exitCode === 0) return 0;
    const message = error.code === "commander.help" ? "missing command; see sana --help" : error.message;
    writeError(message.replace(/^error: /, ""));
    return 1;
  }
  if (error instanceof SanaError) {
    writeError(error.message);
    return error.code === "cancelled" ? 130 : 1;
  }
  writeError(`internal error: ${error instanceof Error ? error.message : String(error)}`);
  return 1;
}

function writeError(message: string): void {
  const { message: line } = new SanaError("invalid-parameter", message);
  const shown = line.length > MAX_MESSAGE_LENGTH ? `${line.slice(0, MAX_MESSAGE_LENGTH)}…` : line;
  process.stderr.write(`sana: ${shown}\n`);
}
