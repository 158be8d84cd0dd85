import { SanaError } from "../errors";
import { isFiniteTensor, type FloatTensor } from "../tensor/float-tensor";
import type { GemmaTokenizer } from "../tokenizer/gemma-tokenizer";
import { COMPLEX_HUMAN_INSTRUCTION } from "./complex-human-instruction";
import type { SanaModels } from "./models";
import { tokenizePrompt } from "./prompt-text";

export interface EncodedPrompt {
  /** Hidden states of the tokens that the transformer sees, [tokens, channels], padding left out. */
  readonly embeds: FloatTensor;
  /** Whether the prompt was longer than the model reads. */
  readonly truncated: boolean;
}

/**
 * Texts to what the transformer sees of them. The instruction, where it is used, goes before `prompts[0]` only: the
 * negative prompt has none. Throws `non-finite` where the encoder's output is not a number.
 */
export async function encodePrompts(
  prompts: readonly string[],
  options: {
    tokenizer: GemmaTokenizer;
    models: Pick<SanaModels, "textEncoder">;
    humanInstruction: boolean;
    spelledWords: boolean;
    maxSequenceLength: number;
  },
): Promise<EncodedPrompt[]> {
  const encoder = await options.models.textEncoder();
  try {
    const encoded: EncodedPrompt[] = [];
    for (const [index, prompt] of prompts.entries()) {
      const instruction = options.humanInstruction && index === 0 ? COMPLEX_HUMAN_INSTRUCTION : null;
      const text = tokenizePrompt({
        tokenizer: options.tokenizer,
        prompt,
        instruction,
        spelledWords: options.spelledWords,
        maxSequenceLength: options.maxSequenceLength,
      });
      const states = await encoder.encode(text.tokenIds, text.instructionTokenCount);
      if (!isFiniteTensor(states.data)) {
        throw new SanaError("non-finite", "the text encoder gave numbers that are not finite: its weights are bad");
      }
      encoded.push({ embeds: selectRows(states, text.selected), truncated: text.truncated });
    }
    return encoded;
  } finally {
    await encoder.release();
  }
}

function selectRows(states: FloatTensor, rows: readonly number[]): FloatTensor {
  const channels = states.dims[1]!;
  const data = new Float32Array(rows.length * channels);
  rows.forEach((row, i) => {
    data.set(states.data.subarray(row * channels, (row + 1) * channels), i * channels);
  });
  return { data, dims: [rows.length, channels] };
}
