import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { illustrationOf, isProse } from "../../../extension/illustrate/illustration";

const NOTE = `---
title: Not a heading
---
Some words before.

# The *red* fox

It lives in the [snow](https://example.com/snow) and **sleeps** a lot.
It also hunts \`const mice = 3\` at night!

\`\`\`js
// no prose
# not a heading
\`\`\`

More about it.

Second title
------------
- one item
- another [^1] item

## Empty

[^1]: A footnote.
`.split("\n");

function at(line: number, languageId = "markdown", lines: readonly string[] = NOTE): { prompt: string; line: number } {
  return illustrationOf(languageId, lines, { startLine: line, endLine: line, text: "" });
}

const FOX = "The red fox: It lives in the snow and sleeps a lot. It also hunts at night! More about it.";

describe("an illustration at the cursor", () => {
  it("shows the section: its title and first sentences, without markup, code and targets of links", () => {
    assert.equal(at(5).prompt, FOX);
    assert.equal(at(8).prompt, FOX);
    assert.equal(at(14).prompt, FOX);
    assert.equal(at(17).prompt, "Second title: one item another item");
    assert.equal(at(22).prompt, "Empty");
  });

  it("goes below the heading, paragraph or code that the cursor is in, or into the empty line", () => {
    assert.equal(at(5).line, 5);
    assert.equal(at(7).line, 8);
    assert.equal(at(11).line, 13);
    assert.equal(at(14).line, 14);
    assert.equal(at(17).line, 18);
    assert.equal(at(19).line, 20);
  });

  it("shows the paragraph where there is no heading above", () => {
    assert.equal(at(3).prompt, "Some words before.");
    const plain = ["First words.", "", "Second words.", "", ""];
    assert.equal(at(2, "markdown", plain).prompt, "Second words.");
    assert.equal(at(4, "markdown", plain).prompt, "Second words.");
    assert.equal(at(0, "markdown", ["", "Later."]).prompt, "Later.");
    assert.deepEqual(at(0, "markdown", [""]), { prompt: "", line: 0 });
  });

  it("ends with a whole sentence, or with a whole word", () => {
    const sentence = "The fox runs through the deep snow of the forest. ";
    assert.equal(at(0, "markdown", [sentence.repeat(20)]).prompt, sentence.repeat(4).trim());
    const endless = at(0, "markdown", ["word ".repeat(200)]).prompt;
    assert.ok(endless.length <= 240 && endless.endsWith("word"), endless);
    assert.equal(at(0, "markdown", ["红狐在雪地里。".repeat(100)]).prompt, "红狐在雪地里。".repeat(34));
  });

  it("reads other languages", () => {
    const asciidoc = [
      "= Guide",
      ":toc:",
      "",
      "== The fox",
      "",
      "It lives in `code` the link:x.html[snow] and *sleeps*.",
      "",
      "----",
      "== no",
      "----",
    ];
    assert.equal(at(5, "asciidoc", asciidoc).prompt, "The fox: It lives in the snow and sleeps.");
    const rst = [
      "The fox",
      "=======",
      "",
      "It lives in the `snow <https://example.com>`_, says :ref:`x <y>`.",
      "",
      ".. image:: a.png",
      "   :alt: no",
      "",
      "It *sleeps*.",
    ];
    assert.equal(at(3, "restructuredtext", rst).prompt, "The fox: It lives in the snow, says x. It sleeps.");
    const latex = [
      "\\section{The fox}",
      "It lives in \\emph{snow}~\\cite{fox} at $-3$ degrees. % really",
      "\\begin{verbatim}",
      "\\section{no}",
      "\\end{verbatim}",
    ];
    assert.equal(at(1, "latex", latex).prompt, "The fox: It lives in snow at degrees.");
    const typst = [
      "= The fox",
      'It lives in #link("https://x.de")[snow] and _sleeps_ $x$ @cite.',
      '#figure(image("a.png"))',
    ];
    assert.equal(at(1, "typst", typst).prompt, "The fox: It lives in snow and sleeps.");
  });
});

describe("an illustration of a selection", () => {
  it("shows the selection, and goes below the block that it ends in", () => {
    const selected = { startLine: 7, endLine: 8, text: "**sleeps** a lot.\nIt also" };
    assert.deepEqual(illustrationOf("markdown", NOTE, selected), { prompt: "sleeps a lot. It also", line: 8 });
  });

  it("shows the section where nothing is left of the selection", () => {
    const selected = { startLine: 8, endLine: 8, text: "`const mice = 3`" };
    assert.equal(illustrationOf("markdown", NOTE, selected).prompt, FOX);
  });
});

describe("prose", () => {
  it("is where headings and paragraphs are", () => {
    const lines = NOTE.map((_, line) => line).filter((line) => isProse("markdown", NOTE, line));
    assert.deepEqual(lines, [3, 5, 7, 8, 15, 17, 18, 19, 20, 22]);
  });

  it("is not a picture or a rule", () => {
    for (const line of ["![a](b.png)", "***", "<br>", "`code`"]) assert.ok(!isProse("markdown", [line], 0), line);
  });
});
