import { Command } from "commander";
import { join } from "node:path";
import { BUNDLED_MODELS } from "../generation/bundled-models";
import { openTokenizer } from "../tokenizer/gemma-tokenizer";
import { pathOption } from "./option-values";
import { print } from "./print";

interface TokenizeOptions {
  readonly tokenizer: string;
  readonly text: string;
  readonly json?: boolean;
}

/** `sana tokenize`: raw text to token ids, <bos> first. */
export function tokenizeCommand(): Command {
  return new Command("tokenize")
    .description("show the token ids of a text")
    .addOption(
      pathOption("--tokenizer <path>", "tokenizer.json or its folder").default(
        join(BUNDLED_MODELS.quality, "tokenizer"),
        "the bundled one",
      ),
    )
    .requiredOption("--text <text>", "the text")
    .option("--json", "print one JSON object")
    .action(async (options: TokenizeOptions) => {
      const tokenizer = await openTokenizer(options.tokenizer);
      const ids = tokenizer.encode(options.text);
      await print(options.json ? `${JSON.stringify({ ids })}\n` : `${ids.join(" ")}\n`);
    });
}
