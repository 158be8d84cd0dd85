// Made at the first use: it reads Unicode's tables, which takes more time than the rest of the extension's start.
let segmenter: Intl.Segmenter | undefined;

/** The characters of a text as people see them: an emoji of several code points is one. */
export function graphemes(text: string): string[] {
  return Array.from((segmenter ??= new Intl.Segmenter()).segment(text), ({ segment }) => segment);
}
