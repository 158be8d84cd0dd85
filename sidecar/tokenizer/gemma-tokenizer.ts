import { BPE } from "@huggingface/tokenizers";
import { SanaError } from "../errors";
import { addedTokensOf, splitAddedTokens } from "./added-tokens";
import { readTokenizerFile, type TokenizerFile } from "./tokenizer-file";

/** The tokenizer of Gemma 2 and Gemma 3: byte-pair encoding over whole texts, single bytes for unknown characters. */
export interface GemmaTokenizer {
  /**
   * Token ids of `text` as it is, `<bos>` first: no lower-casing, no trimming, no truncation, no padding. Special
   * tokens that are spelled out in the text become those tokens, as in the reference. Half a surrogate pair, which no
   * UTF-8 text can hold, is read as U+FFFD.
   */
  encode(text: string): number[];
}

/**
 * Opens a tokenizer.json, or the one in a folder. Ids equal those of the Python `tokenizers` library; padding and
 * truncation that may be stored in the file are left to the caller.
 * Throws `invalid-input-file` where the file is missing or is not a tokenizer of Gemma's kind.
 */
export async function openTokenizer(fileOrFolder: string): Promise<GemmaTokenizer> {
  return createTokenizer(await readTokenizerFile(fileOrFolder));
}

function createTokenizer({ file, model, addedTokens: contents, prefixIds }: TokenizerFile): GemmaTokenizer {
  // Added tokens and the "▁" are handled here rather than by the library's Tokenizer class, which takes two spaces for
  // the added token "▁▁" even where the merges of a pruned vocabulary would not.
  const bpe = new BPE(model);
  const vocab = bpe.tokens_to_ids;
  for (const [token, id] of vocab) {
    if (Number.isSafeInteger(id) && id >= 0) continue;
    throw new SanaError(
      "invalid-input-file",
      `${file} is not a Gemma tokenizer: the id of ${token} is no whole number`,
    );
  }
  const addedTokens = addedTokensOf(contents, vocab);

  const encode = (text: string): number[] => {
    const ids = [...prefixIds];
    for (const piece of splitAddedTokens(text.replace(/\p{Surrogate}/gu, "\ufffd"), addedTokens)) {
      const added = addedTokens.ids.get(piece);
      if (added !== undefined) ids.push(added);
      else for (const token of delayUnknown(bpe([piece.replaceAll(" ", "▁")]), model)) ids.push(vocab.get(token)!);
    }
    return ids;
  };
  return { encode };
}

/**
 * The Python library puts <unk> behind the bytes of the characters that follow it, and makes one of all that meet
 * there. Only a vocabulary without some of the 256 bytes has both; Gemma's lacks the tab's, because it has the tab.
 */
function* delayUnknown(tokens: readonly string[], model: TokenizerFile["model"]): Generator<string> {
  let unknown: string | undefined;
  for (const token of tokens) {
    if (token === model.unk_token) {
      unknown = token;
      continue;
    }
    if (unknown !== undefined && !/^<0x[0-9A-F]{2}>$/.test(token)) {
      yield unknown;
      unknown = undefined;
    }
    yield token;
  }
  if (unknown !== undefined) yield unknown;
}
