const DIGITS = "①②③④⑤⑥⑦⑧";

/** Opening and closing quotes as English, German, French, Swedish, Chinese and keyboards pair them. */
const PAIRS = ['""', "“”", "„“", "„”", "””", "''", "‘’", "‚‘", "«»", "»«", "「」", "『』"];
/** They are apostrophes as well, and count as quotes only where no Latin letter or digit stands directly outside. */
const APOSTROPHES = "'’";
const LATIN = "0-9a-z\u00df-\u024f";

const QUOTED_WORD = new RegExp(PAIRS.map(patternOf).join("|"), "gu");

function patternOf(pair: string): string {
  const [open, close] = [pair[0]!, pair[1]!];
  const before = APOSTROPHES.includes(open) ? `(?<![${LATIN}])` : "";
  const after = APOSTROPHES.includes(close) ? `(?![${LATIN}])` : "";
  return `${before}${open}[a-z]{1,${DIGITS.length}}${close}${after}`;
}

/**
 * Spells out the words that a picture is to show: `"hello"` becomes `"①h②e③l④l⑤o"`, so that every letter and its
 * place are tokens of their own. As a word it would be a single token, in which the text encoder cannot see letters.
 * What counts is a word of 1 to 8 letters a–z alone between a pair of quotes; everything else stays as it is.
 * `prompt` is lower-cased. Only checkpoints that were trained on such prompts can read them.
 */
export function spellQuotedWords(prompt: string): string {
  return prompt.replace(QUOTED_WORD, (quoted) => {
    const letters = Array.from(quoted.slice(1, -1), (letter, i) => DIGITS[i]! + letter);
    return `"${letters.join("")}"`;
  });
}
