import { Command } from "commander";
import { join } from "node:path";
import { openCheckpoint, tokenizerFile } from "../checkpoint/diffusers-layout";
import { readGenerationDefaults } from "../checkpoint/generation-defaults";
import { BUNDLED_MODELS, modelFolder } from "../generation/bundled-models";
import { COMPLEX_HUMAN_INSTRUCTION } from "../pipeline/complex-human-instruction";
import { tokenizePrompt } from "../pipeline/prompt-text";
import { openTokenizer } from "../tokenizer/gemma-tokenizer";
import { pathOption } from "./option-values";
import { print } from "./print";

interface TokenizeOptions {
  readonly tokenizer: string;
  readonly model?: string;
  readonly text: string;
  readonly json?: boolean;
}

/**
 * `sana tokenize`: text to token ids, <bos> first; as it is, or with `--model` as that checkpoint's text encoder is
 * given it when it is a prompt.
 */
export function tokenizeCommand(): Command {
  return new Command("tokenize")
    .description("show the token ids of a text")
    .addOption(
      pathOption("--tokenizer <path>", "tokenizer.json or its folder").default(
        join(BUNDLED_MODELS.quality, "tokenizer"),
        "the bundled one",
      ),
    )
    .addOption(
      pathOption("--model <folder>", "show the text as this checkpoint reads a prompt", modelFolder).conflicts(
        "tokenizer",
      ),
    )
    .requiredOption("--text <text>", "the text")
    .option("--json", "print one JSON object")
    .action(async ({ model, tokenizer, text, json }: TokenizeOptions) => {
      const ids = model === undefined ? (await openTokenizer(tokenizer)).encode(text) : await promptIds(model, text);
      await print(json ? `${JSON.stringify({ ids })}\n` : `${ids.join(" ")}\n`);
    });
}

async function promptIds(model: string, prompt: string): Promise<readonly number[]> {
  const checkpoint = await openCheckpoint(model);
  const { complexHumanInstruction, spelledWords, maxSequenceLength } = await readGenerationDefaults(checkpoint);
  const tokenizer = await openTokenizer(await tokenizerFile(checkpoint));
  const instruction = complexHumanInstruction ? COMPLEX_HUMAN_INSTRUCTION : null;
  return tokenizePrompt({ tokenizer, prompt, instruction, spelledWords, maxSequenceLength }).tokenIds;
}
