const SEGMENTER = new Intl.Segmenter();

/** The characters of a text as people see them: an emoji of several code points is one. */
export function graphemes(text: string): string[] {
  return Array.from(SEGMENTER.segment(text), ({ segment }) => segment);
}
