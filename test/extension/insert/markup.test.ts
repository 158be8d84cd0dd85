import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { encodePath, pictureMarkup } from "../../../extension/insert/markup";

const ALONE = { before: "", after: "" };
const IN_TEXT = { before: "See ", after: " there." };

function markup(languageId: string, alt: string, path = "images/a-fox.png", around = ALONE): string {
  return pictureMarkup(languageId, { path, alt }, around);
}

describe("the markup of a picture", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["markdown", "![A fox](images/a-fox.png)"],
    ["mdx", "![A fox](images/a-fox.png)"],
    ["html", '<img src="images/a-fox.png" alt="A fox">'],
    ["vue", '<img src="images/a-fox.png" alt="A fox">'],
    ["javascriptreact", '<img src="images/a-fox.png" alt="A fox" />'],
    ["typescriptreact", '<img src="images/a-fox.png" alt="A fox" />'],
    ["asciidoc", "image::images/a-fox.png[A fox]"],
    ["restructuredtext", ".. image:: images/a-fox.png\n   :alt: A fox"],
    ["latex", "\\includegraphics[width=\\linewidth,alt={A fox}]{images/a-fox.png}"],
    ["typst", '#image("images/a-fox.png", alt: "A fox")'],
    ["css", 'url("images/a-fox.png")'],
    ["scss", 'url("images/a-fox.png")'],
    ["python", "images/a-fox.png"],
    ["constructor", "images/a-fox.png"],
  ];
  for (const [languageId, expected] of cases) {
    it(`in ${languageId}`, () => {
      assert.equal(markup(languageId, "A fox"), expected);
    });
  }

  it("escapes what the language would read as its own", () => {
    assert.equal(
      markup("markdown", "a [b](c) *d* _e_ `f` <g> h\\ i|j $k$ ~l~ &amp;"),
      String.raw`![a \[b\](c) \*d\* \_e\_ \`f\` \<g\> h\\ i\|j \$k\$ \~l\~ \&amp;](images/a-fox.png)`,
    );
    assert.equal(markup("mdx", "{x}<y>"), String.raw`![\{x\}\<y\>](images/a-fox.png)`);
    assert.equal(
      markup("html", `"a" & <b> 'c'`),
      `<img src="images/a-fox.png" alt="&quot;a&quot; &amp; &lt;b&gt; 'c'">`,
    );
    assert.equal(markup("typescriptreact", `"{a}"`), `<img src="images/a-fox.png" alt="&quot;{a}&quot;" />`);
    assert.equal(markup("asciidoc", 'a, "b" [c] {d}'), String.raw`image::images/a-fox.png["a, \"b\" [c\] \{d}"]`);
    assert.equal(
      markup("latex", "50% & {a}_b\\c~"),
      String.raw`\includegraphics[width=\linewidth,alt={50\% \& \{a\}\_b\textbackslash{}c\textasciitilde{}}]{images/a-fox.png}`,
    );
    assert.equal(markup("typst", 'a "b" \\c'), String.raw`#image("images/a-fox.png", alt: "a \"b\" \\c")`);
  });

  it("keeps the alternative text in one line and within reason", () => {
    assert.equal(markup("markdown", "  a\r\n\r\n fox\t\u2028x "), "![a fox x](images/a-fox.png)");
    assert.equal(markup("markdown", "一只红狐 🦊"), "![一只红狐 🦊](images/a-fox.png)");
    const long = markup("html", "word ".repeat(1000));
    assert.ok(long.length < 350 && long.endsWith('word…">'), long);
  });

  it("encodes paths for URLs, and leaves them to languages that open files", () => {
    const path = "my images/狐 (1)#?%.png";
    const encoded = "my%20images/%E7%8B%90%20%281%29%23%3F%25.png";
    for (const [languageId, start] of [
      ["markdown", "![x]("],
      ["html", '<img src="'],
      ["css", 'url("'],
      ["asciidoc", "image::"],
    ] as const) {
      assert.ok(markup(languageId, "x", path).startsWith(start + encoded), languageId);
    }
    assert.match(markup("restructuredtext", "x", path), /:: my%20images\/狐%20%281%29%23%3F%25\.png\n/);
    assert.match(markup("latex", "x", path), /\{my images\/狐 \(1\)\\#\?\\%\.png\}$/);
    assert.match(markup("typst", "x", path), /^#image\("my images\/狐 \(1\)#\?%\.png"/);
  });

  it("makes URLs of absolute paths", () => {
    assert.equal(encodePath("/home/a b/x.png"), "file:///home/a%20b/x.png");
    assert.equal(encodePath("C:/a b/x.png"), "file:///C:/a%20b/x.png");
    assert.equal(encodePath("../x.png"), "../x.png");
    assert.equal(encodePath("a:b.png"), "a%3Ab.png");
    assert.equal(encodePath("\ud800.png"), "%EF%BF%BD.png");
  });

  it("stands in a line, or in a paragraph of its own where the language wants that", () => {
    assert.equal(markup("asciidoc", "x", "a.png", IN_TEXT), "image:a.png[x]");
    assert.equal(markup("asciidoc", "x", "a.png", { before: "  ", after: "" }), "image::a.png[x]");
    assert.equal(markup("restructuredtext", "x", "a.png", IN_TEXT), "\n\n.. image:: a.png\n   :alt: x\n\n");
    assert.equal(
      markup("restructuredtext", "x", "a.png", { before: "  ", after: "" }),
      ".. image:: a.png\n     :alt: x",
    );
    assert.equal(
      markup("restructuredtext", "x", "a.png", { before: "  See", after: "" }),
      "\n\n  .. image:: a.png\n     :alt: x",
    );
  });
});
