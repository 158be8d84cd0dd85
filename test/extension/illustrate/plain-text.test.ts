import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { plainText } from "../../../extension/illustrate/plain-text";

describe("the words of Markdown", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["# A **bold** and _soft_ title #", "A bold and soft title"],
    ["a ![picture](x.png) and [![badge](b.svg)](http://x)", "a and"],
    ['see [the *fox*](fox.md "title") or [it][1] at <https://x.de> https://y.de/z now', "see the fox or it at now"],
    ["> quoted\n> text", "quoted text"],
    ["1. one\n2. two\n- [x] three", "one two three"],
    ["| a | b |\n|---|:-:|\n| c | d |", "a b c d"],
    ["inline `code` and ``co`de`` gone", "inline and gone"],
    ["a <b>tag</b> <!-- no\nmore --> end<br/>", "a tag end"],
    ["math $x^2$ but $5 and $6 stay", "math but $5 and $6 stay"],
    ["snake_case_name and 2*3*4", "snake_case_name and 234"],
    ["escaped \\*stars\\* and \\_lines\\_", "escaped *stars* and _lines_"],
    ["~~old~~ new", "old new"],
    ["一只**红狐**在雪地里 🦊", "一只红狐在雪地里 🦊"],
    ["text[^note] more\n\n[^note]: A note.\n[ref]: http://x", "text more"],
    ["***\ntext\n---", "text"],
  ];
  for (const [text, expected] of cases) {
    it(`of ${JSON.stringify(text)}`, () => {
      assert.equal(plainText("markdown", text), expected);
    });
  }

  it("of MDX have no expressions and imports", () => {
    assert.equal(plainText("mdx", 'import X from "./x"\n\nA <X a={1} /> {count} fox'), "A fox");
  });

  it("are found quickly in hostile text", () => {
    for (const part of ["[", "![](", "*", "_a", "`", "<", "$a", "|-", "\\", "<!--"]) {
      const started = performance.now();
      plainText("markdown", part.repeat(5000));
      // Some milliseconds each; a pattern that backtracks over all of it takes minutes.
      assert.ok(performance.now() - started < 2000, part);
    }
  });
});
