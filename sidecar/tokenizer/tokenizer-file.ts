import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { SanaError } from "../errors";

/** What a Gemma tokenizer consists of. */
export interface TokenizerFile {
  /** The file itself, for messages. */
  readonly file: string;
  readonly model: BpeModel;
  /** Strings that are tokens by themselves. */
  readonly addedTokens: readonly string[];
  /** Ids that come before every text: `<bos>`. */
  readonly prefixIds: readonly number[];
}

interface BpeModel {
  type: "BPE";
  /** Ids of all tokens; that they are whole numbers is not checked yet. */
  vocab: Record<string, number>;
  /** In order of precedence: pairs, or both halves in one string with a space between them. */
  merges: string[] | [string, string][];
  unk_token: string | null;
  fuse_unk: true;
  byte_fallback: boolean;
  ignore_merges: boolean;
}

// The largest official file, with merges as pairs, has 34 MB.
const MAX_BYTES = 64 * 1024 * 1024;

const ID = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const TEXT = v.object({ Sequence: v.object({ id: v.literal("A") }) });
const SPECIAL_TOKEN = v.object({ SpecialToken: v.object({ id: v.string() }) });

// Only what Gemma's files say is accepted; every other setting would need code that nothing here could check.
const FILE = v.object({
  added_tokens: v.optional(
    v.array(
      v.object({
        content: v.string(),
        single_word: v.optional(v.literal(false)),
        lstrip: v.optional(v.literal(false)),
        rstrip: v.optional(v.literal(false)),
        normalized: v.literal(false),
      }),
    ),
    [],
  ),
  normalizer: v.object({
    type: v.literal("Replace"),
    pattern: v.object({ String: v.literal(" ") }),
    content: v.literal("▁"),
  }),
  // Splits at spaces, of which the normalizer leaves none.
  pre_tokenizer: v.nullish(v.object({ type: v.literal("Split"), pattern: v.object({ String: v.literal(" ") }) })),
  post_processor: v.nullish(
    v.object({
      type: v.literal("TemplateProcessing"),
      single: v.union([v.strictTuple([TEXT]), v.strictTuple([SPECIAL_TOKEN, TEXT])]),
      special_tokens: v.record(v.string(), v.object({ ids: v.array(ID) })),
    }),
  ),
  model: v.object({
    type: v.literal("BPE"),
    dropout: v.nullish(v.literal(0)),
    unk_token: v.nullish(v.string(), null),
    continuing_subword_prefix: v.nullish(v.literal("")),
    end_of_word_suffix: v.nullish(v.literal("")),
    fuse_unk: v.literal(true),
    byte_fallback: v.optional(v.boolean(), false),
    ignore_merges: v.optional(v.boolean(), false),
    // Hundreds of thousands of entries each, too many for a schema.
    vocab: v.custom<Record<string, number>>(isObject, "must be an object"),
    merges: v.custom<string[] | [string, string][]>(isMergeList, 'must be pairs, or strings like "left right"'),
  }),
});

/** Reads and checks a tokenizer.json, or the one in a folder. Throws `invalid-input-file` naming it. */
export async function readTokenizerFile(fileOrFolder: string): Promise<TokenizerFile> {
  const { file, bytes } = await readBytes(fileOrFolder);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw new SanaError("invalid-input-file", `${file} is not a tokenizer.json: it is not JSON`);
  }
  const parsed = v.safeParse(FILE, json, { abortEarly: true });
  if (!parsed.success) {
    const issue = parsed.issues[0];
    const path = v.getDotPath(issue) ?? "the file";
    const reason = issue.input === undefined ? "is missing" : `is not what Gemma's files hold: ${issue.message}`;
    throw new SanaError("invalid-input-file", `${file} is not a Gemma tokenizer: ${path} ${reason}`);
  }
  return interpret(parsed.output, file);
}

async function readBytes(fileOrFolder: string): Promise<{ file: string; bytes: Uint8Array }> {
  let file = fileOrFolder;
  try {
    let entry = await stat(file);
    if (entry.isDirectory()) {
      file = join(file, "tokenizer.json");
      entry = await stat(file);
    }
    if (!entry.isFile()) throw new SanaError("invalid-input-file", `${file} is not a file`);
    if (entry.size > MAX_BYTES) {
      throw new SanaError(
        "invalid-input-file",
        `${file} has ${entry.size} bytes; a tokenizer.json has at most ${MAX_BYTES}`,
      );
    }
    return { file, bytes: await readFile(file) };
  } catch (error) {
    if (error instanceof SanaError) throw error;
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "it does not exist" : String(error);
    throw new SanaError("invalid-input-file", `cannot read the tokenizer ${file}: ${reason}`, { cause: error });
  }
}

function interpret(contents: v.InferOutput<typeof FILE>, file: string): TokenizerFile {
  const { model, added_tokens: added, post_processor: template } = contents;
  if (model.unk_token !== null && !Object.hasOwn(model.vocab, model.unk_token)) {
    throw new SanaError("invalid-input-file", `${file} is not a Gemma tokenizer: model.vocab lacks ${model.unk_token}`);
  }
  return { file, model, addedTokens: added.map(({ content }) => content), prefixIds: prefixIds(template, file) };
}

function prefixIds(template: v.InferOutput<typeof FILE>["post_processor"], file: string): readonly number[] {
  const first = template?.single[0];
  if (first === undefined || !("SpecialToken" in first)) return [];
  const { id } = first.SpecialToken;
  const token = template!.special_tokens[id];
  if (token === undefined) {
    throw new SanaError("invalid-input-file", `${file} is not a Gemma tokenizer: its template lacks the ids of ${id}`);
  }
  return token.ids;
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isMergeList(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  const isPair = Array.isArray(value[0])
    ? (merge: unknown) => Array.isArray(merge) && merge.length === 2 && merge.every((half) => typeof half === "string")
    : (merge: unknown) =>
        typeof merge === "string" && merge.indexOf(" ") === merge.lastIndexOf(" ") && merge.includes(" ");
  return value.every(isPair);
}
