import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { imagesOf } from "../../../extension/illustrate/missing-image";

describe("the pictures of a line", () => {
  it("are Markdown's and HTML's, with where they stand", () => {
    const line = 'See ![a red fox](fox.png) and <img alt="a &quot;blue&quot; fox" src="img/b%20c.png">.';
    const [markdown, html, ...rest] = imagesOf(line);
    assert.deepEqual(rest, []);
    assert.deepEqual(
      { ...markdown, text: line.slice(markdown!.start, markdown!.end) },
      { start: 4, end: 25, alt: "a red fox", path: "fox.png", text: "![a red fox](fox.png)" },
    );
    assert.equal(html!.alt, 'a "blue" fox');
    assert.equal(html!.path, "img/b c.png");
  });

  it("are decoded", () => {
    for (const [line, path] of [
      ["![x](./a%20b.png)", "./a b.png"],
      ["![x](<a b.png>)", "a b.png"],
      ['![x](../%E7%8B%90.png "title")', "../狐.png"],
      ["![x](a(1).PNG)", "a(1).PNG"],
      ["![x](/images/a.png?raw=1#f)", "/images/a.png"],
      ["![x](images\\a.png)", "images/a.png"],
    ] as const) {
      assert.deepEqual(
        imagesOf(line).map((image) => image.path),
        [path],
        line,
      );
    }
    assert.equal(imagesOf("![a \\[b\\] *c*](a.png)")[0]!.alt, "a [b] c");
  });

  it("are none without words, of other formats, or from elsewhere", () => {
    for (const line of [
      "![](fox.png)",
      "![ ](fox.png)",
      "![x](fox.jpg)",
      "![x](https://example.com/fox.png)",
      "![x](//example.com/fox.png)",
      "![x](data:image/png;base64,AA.png)",
      "![x](C:/fox.png)",
      "![x](%zz.png)",
      "![x](a%00.png)",
      "[x](fox.png)",
      '<img src="fox.png">',
      '<image src="fox.png" alt="x">',
    ]) {
      assert.deepEqual(imagesOf(line), [], line);
    }
  });

  it("are found quickly in hostile text", () => {
    for (const part of ["![", "![x](", "![x](a(", "<img ", '<img alt="', '![x](a "']) {
      const started = performance.now();
      imagesOf(part.repeat(5000));
      assert.ok(performance.now() - started < 2000, part);
    }
  });
});
