/** Part of a document, in UTF-16 units from its beginning; `end` is after the last one. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** As VS Code tells of it. */
interface Change {
  readonly rangeOffset: number;
  readonly rangeLength: number;
  readonly text: string;
}

/**
 * Where the span is after a change. What is typed at its end goes before its end, so that a place after a word stays
 * after the word when that grows; of a span that was deleted the place remains.
 */
export function shiftedSpan(span: Span, change: Change): Span {
  const end = shifted(span.end, change);
  const isEmpty = span.start === span.end;
  return { start: isEmpty ? end : Math.min(shifted(span.start, change), end), end };
}

function shifted(offset: number, { rangeOffset, rangeLength, text }: Change): number {
  if (offset < rangeOffset) return offset;
  if (offset >= rangeOffset + rangeLength) return offset + text.length - rangeLength;
  return rangeOffset + text.length;
}
