/** Strings that are tokens by themselves, found in the text before anything else is done with it. */
interface AddedTokens {
  readonly ids: ReadonlyMap<string, number>;
  /** The lengths of all added tokens that begin with a UTF-16 unit, longest first. */
  readonly lengths: ReadonlyMap<string, readonly number[]>;
}

/**
 * Numbers added tokens as the Python library does when it opens a file: those of the vocabulary keep their ids, others
 * follow after it, whatever id the file gives them. The empty string is never found and left out.
 */
export function addedTokensOf(contents: readonly string[], vocab: ReadonlyMap<string, number>): AddedTokens {
  const ids = new Map<string, number>();
  const lengths = new Map<string, Set<number>>();
  let next = vocab.size;
  for (const content of contents) {
    if (content === "" || ids.has(content)) continue;
    ids.set(content, vocab.get(content) ?? next++);
    const sameStart = lengths.get(content[0]!) ?? new Set();
    lengths.set(content[0]!, sameStart.add(content.length));
  }
  // Gemma 3 has 6415 added tokens: a regular expression of them takes a quarter of a second to compile.
  return { ids, lengths: new Map([...lengths].map(([start, set]) => [start, [...set].sort((a, b) => b - a)])) };
}

/** Cuts `text` into added tokens (at each place the longest that fits) and the non-empty stretches between them. */
export function splitAddedTokens(text: string, { ids, lengths }: AddedTokens): string[] {
  const pieces: string[] = [];
  let start = 0;
  let position = 0;
  while (position < text.length) {
    const at = position;
    const length = lengths.get(text[at]!)?.find((candidate) => ids.has(text.slice(at, at + candidate)));
    if (length === undefined) {
      position += 1;
      continue;
    }
    if (start < at) pieces.push(text.slice(start, at));
    position += length;
    pieces.push(text.slice(at, position));
    start = position;
  }
  if (start < text.length) pieces.push(text.slice(start));
  return pieces;
}
