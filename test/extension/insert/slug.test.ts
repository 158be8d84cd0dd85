import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { slug } from "../../../extension/insert/slug";

describe("a slug", () => {
  const cases: readonly (readonly [string, string | null])[] = [
    ["A red fox, sitting in the snow!", "a-red-fox-sitting-in-the-snow"],
    ["the fox's den", "the-foxs-den"],
    ["一只红狐 🦊", "一只红狐"],
    ["雪地里的一只红狐，水彩", "雪地里的一只红狐-水彩"],
    ["🦊🌙", "🦊🌙"],
    ["👩🏽‍🚀 🇩🇪", "👩🏽‍🚀🇩🇪"],
    ["ثعلب أحمر", "ثعلب-أحمر"],
    ["ein Füchslein", "ein-füchslein"],
    ["हिन्दी लोमड़ी", "हिन्दी-लोमड़ी".normalize("NFC")],
    ["../../etc/passwd", "etc-passwd"],
    ["C:\\Windows\\system32", "c-windows-system32"],
    ["CON", "con-"],
    ["nul.txt", "nul-txt"],
    ["?!", null],
    ["", null],
    ["\u0000\n\t", null],
  ];
  for (const [text, expected] of cases) {
    it(`of ${JSON.stringify(text)} is ${JSON.stringify(expected)}`, () => {
      assert.equal(slug(text), expected);
    });
  }

  it("ends with a whole word, and cuts a word that is too long by itself", () => {
    assert.equal(slug("word ".repeat(50)), Array(12).fill("word").join("-"));
    assert.equal(slug("x".repeat(500)), "x".repeat(60));
    assert.equal(slug("狐".repeat(500)), "狐".repeat(30));
  });

  it("composes what was typed in pieces, as macOS does", () => {
    assert.equal(slug("Fu\u0308chse"), "füchse");
  });
});
