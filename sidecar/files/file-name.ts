/** Characters a name keeps at most; longer ones are cut off by file managers. */
const MAX_CHARACTERS = 60;
/** Leaves room for a number and an extension within the 255 bytes that file systems allow. */
const MAX_BYTES = 180;

/** UTF-16 units of one character: families with skin tones need 25; stacks of combining marks can be endless. */
const MAX_CHARACTER_LENGTH = 32;

/** UTF-16 units of a prompt that are looked at: the segmenter needs seconds for the longest prompts. */
const MAX_PROMPT_LENGTH = 1_000;

const FALLBACK_NAME = "image";

/** Names that Windows reserves for devices, whatever the extension. */
const RESERVED_NAME = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])$/;

/**
 * A readable file name, without extension, for a picture made from `prompt`: letters, digits and emoji of any script in
 * lower case, everything else as single hyphens. "A red fox 🦊, 红色" gives "a-red-fox-🦊-红色". The name is never empty,
 * begins and ends with a letter, digit or emoji, holds no separator and no control, direction or invisible character
 * except those inside an emoji, and is not reserved on Windows.
 */
export function fileNameFromPrompt(prompt: string): string {
  let name = "";
  let characters = 0;
  let separator = "";
  const beginning = prompt.slice(0, MAX_PROMPT_LENGTH).toLowerCase().normalize("NFC");
  for (const { segment } of new Intl.Segmenter("en").segment(beginning)) {
    const visible = visiblePart(segment);
    if (visible === "") {
      separator = name === "" ? "" : "-";
      continue;
    }
    characters += separator.length + 1;
    if (characters > MAX_CHARACTERS || Buffer.byteLength(name + separator + visible) > MAX_BYTES) break;
    name += separator + visible;
    separator = "";
  }
  if (name === "") return FALLBACK_NAME;
  return RESERVED_NAME.test(name) ? `${name}-${FALLBACK_NAME}` : name;
}

/** What of one user-perceived character may stand in a file name; empty where nothing may. */
function visiblePart(grapheme: string): string {
  // An emoji keeps its joiners, skin tones and variation selectors, without which it falls apart.
  if (/^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}|\p{Regional_Indicator})/u.test(grapheme)) {
    return grapheme.length <= MAX_CHARACTER_LENGTH ? grapheme : "";
  }
  if (!/^[\p{L}\p{N}]/u.test(grapheme)) return "";
  return grapheme.slice(0, MAX_CHARACTER_LENGTH).replace(/[^\p{L}\p{N}\p{M}]|\p{Default_Ignorable_Code_Point}/gu, "");
}
