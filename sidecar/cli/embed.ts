import { Command } from "commander";
import { openCheckpoint, openTextEncoder, tokenizerFile } from "../checkpoint/diffusers-layout";
import { readGenerationDefaults } from "../checkpoint/generation-defaults";
import { serializeSafetensors } from "../checkpoint/safetensors";
import { checkWeights } from "../checkpoint/weight-integrity";
import { cacheFolder } from "../files/cache-folder";
import { checkOutputTargets, writeOutputFiles } from "../files/output-file";
import { textEncoderLoader } from "../generation/network-loaders";
import { encodePrompts } from "../pipeline/prompt-encoding";
import { computeFor } from "../runtime/compute";
import { chooseCompute } from "../runtime/execution-provider";
import { openTokenizer } from "../tokenizer/gemma-tokenizer";
import {
  computeOptions,
  modelOption,
  notify,
  outputTarget,
  overwriteOption,
  type CommonOptions,
} from "./common-options";
import { integerOption, pathOption } from "./option-values";
import { checkSequenceLength } from "./sequence-length";

interface EmbedOptions extends CommonOptions {
  readonly prompt: string;
  readonly humanInstruction: boolean;
  readonly maxSequenceLength?: number;
  readonly output: string;
}

/** `sana embed`: what the transformer sees of a prompt, as safetensors. */
export function embedCommand(): Command {
  const command = new Command("embed")
    .description("write the text encoder's states of a prompt")
    .addOption(modelOption())
    .requiredOption("--prompt <text>", "the prompt")
    .option("--no-human-instruction", "leave the complex human instruction out")
    .addOption(integerOption("--max-sequence-length <n>", "rows to write"))
    .addOption(pathOption("--output <file>", "safetensors file to write").makeOptionMandatory())
    .addOption(overwriteOption());
  for (const option of computeOptions()) command.addOption(option);
  return command.action((options: EmbedOptions) => embed(options));
}

async function embed(options: EmbedOptions): Promise<void> {
  const target = outputTarget(options.output, options);
  await checkOutputTargets([target]);
  const chosen = await chooseCompute(options);
  const checkpoint = await openCheckpoint(options.model);
  const defaults = await readGenerationDefaults(checkpoint);
  const maxSequenceLength = checkSequenceLength(options.maxSequenceLength ?? defaults.maxSequenceLength);
  const { config, weights } = await openTextEncoder(checkpoint);
  const models = {
    textEncoder: textEncoderLoader({ config, weights }, { compute: computeFor(chosen, defaults), notify }),
  };
  const tokenizer = await openTokenizer(await tokenizerFile(checkpoint));
  await checkWeights([weights], cacheFolder());

  if (chosen.notice !== undefined) notify(chosen.notice);
  const [encoded] = await encodePrompts([options.prompt], {
    tokenizer,
    models,
    humanInstruction: options.humanInstruction && defaults.complexHumanInstruction,
    spelledWords: defaults.spelledWords,
    maxSequenceLength,
  });
  const { embeds, truncated } = encoded!;
  if (truncated) notify("the prompt is longer than the model reads; its end was cut off");
  const [tokens, channels] = embeds.dims as [number, number];
  const padded = new Float32Array(maxSequenceLength * channels);
  padded.set(embeds.data);
  const mask = new BigInt64Array(maxSequenceLength).fill(1n, 0, tokens);
  const bytes = serializeSafetensors({
    prompt_embeds: { dtype: "F32", shape: [1, maxSequenceLength, channels], data: padded },
    prompt_attention_mask: { dtype: "I64", shape: [1, maxSequenceLength], data: mask },
  });
  await writeOutputFiles([{ ...target, bytes }]);
}
