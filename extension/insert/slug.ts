import { graphemes } from "../text/graphemes";

// Columns of a name as a file list shows it: Chinese characters and emoji take two.
const MAX_COLUMNS = 60;

// Names that Windows keeps for devices, whatever the extension.
const RESERVED = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])$/i;

const WORDS = /[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu;
const EMOJI =
  /\p{Regional_Indicator}{2}|\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\ufe0f)?(?:\u200d\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\ufe0f)?)*/gu;
const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Extended_Pictographic}]/u;

/**
 * A short file name, without extension, that still says what the text says: its words in whatever script, joined by
 * hyphens; its emoji where there are no words; null where there is neither. Allowed on every file system.
 */
export function slug(text: string): string | null {
  const normal = text.normalize("NFC").toLowerCase().replaceAll(/['’]/g, "");
  const words = normal.match(WORDS);
  const name = words === null ? shorten(normal.match(EMOJI) ?? [], "") : shorten(words, "-");
  if (name === "") return null;
  return RESERVED.test(name) ? `${name}-` : name;
}

/** As many parts as fit; at least one, which is cut where it is too long by itself. */
function shorten(parts: readonly string[], separator: string): string {
  let name = "";
  for (const part of parts) {
    const longer = name === "" ? part : name + separator + part;
    if (columns(longer) > MAX_COLUMNS) return name === "" ? cut(part) : name;
    name = longer;
  }
  return name;
}

function cut(word: string): string {
  let start = "";
  for (const segment of graphemes(word)) {
    if (columns(start + segment) > MAX_COLUMNS) break;
    start += segment;
  }
  return start;
}

function columns(text: string): number {
  let sum = 0;
  for (const segment of graphemes(text)) sum += WIDE.test(segment) ? 2 : 1;
  return sum;
}
