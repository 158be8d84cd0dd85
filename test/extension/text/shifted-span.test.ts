import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { shiftedSpan, type Span } from "../../../extension/text/shifted-span";

/** Replaces part of a text in which the span is marked by brackets, and marks it in the result. */
function edited(marked: string, part: string, replacement: string): string {
  const span: Span = { start: marked.indexOf("["), end: marked.indexOf("]") - 1 };
  const text = marked.replace(/[[\]]/g, "");
  const rangeOffset = text.indexOf(part);
  assert.ok(rangeOffset >= 0, `"${part}" is not in "${text}"`);
  const change = { rangeOffset, rangeLength: part.length, text: replacement };
  const { start, end } = shiftedSpan(span, change);
  const result = text.slice(0, rangeOffset) + replacement + text.slice(rangeOffset + part.length);
  return `${result.slice(0, start)}[${result.slice(start, end)}]${result.slice(end)}`;
}

describe("a span in a text that changes", () => {
  it("moves with changes before it and stays for changes behind it", () => {
    assert.equal(edited("one [two] three", "one", "1"), "1 [two] three");
    assert.equal(edited("one [two] three", "one", "eleven"), "eleven [two] three");
    assert.equal(edited("one [two] three", "three", "3"), "one [two] 3");
  });

  it("grows and shrinks with changes inside it", () => {
    assert.equal(edited("a [bcd] e", "c", "---"), "a [b---d] e");
    assert.equal(edited("a [bcd] e", "c", ""), "a [bd] e");
  });

  it("becomes a place where it is deleted", () => {
    assert.equal(edited("a [bcd] e", " bcd ", ""), "a[]e");
    assert.equal(edited("a [bcd] e", "a bcd e", "new"), "new[]");
  });

  it("stays behind the word it stands behind, while that grows", () => {
    assert.equal(shiftedSpan({ start: 3, end: 3 }, { rangeOffset: 3, rangeLength: 0, text: "!!" }).end, 5);
    assert.deepEqual(shiftedSpan({ start: 3, end: 3 }, { rangeOffset: 1, rangeLength: 2, text: "" }), {
      start: 1,
      end: 1,
    });
  });
});
