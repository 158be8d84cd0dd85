import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addedTokensOf, splitAddedTokens } from "../../../sidecar/tokenizer/added-tokens";

describe("splitAddedTokens", () => {
  const tokens = addedTokensOf(["<b>", "<bos>", "\n", "\n\n\n", "🦊", ""], new Map());

  it("takes the longest token at each place, from the left", () => {
    for (const [text, pieces] of [
      ["", []],
      ["plain", ["plain"]],
      ["<bos>", ["<bos>"]],
      ["a<b><bos>b", ["a", "<b>", "<bos>", "b"]],
      ["<<bos>>", ["<", "<bos>", ">"]],
      ["<bo<b>s>", ["<bo", "<b>", "s>"]],
      ["\n\n\n\n\n", ["\n\n\n", "\n", "\n"]],
      ["🦊🦊 🐱", ["🦊", "🦊", " 🐱"]],
    ] as const) {
      assert.deepEqual(splitAddedTokens(text, tokens), pieces);
    }
  });

  it("never finds the empty token", () => {
    assert.equal(tokens.ids.has(""), false);
  });
});

describe("addedTokensOf", () => {
  it("takes ids from the vocabulary and counts on after it", () => {
    const { ids } = addedTokensOf(
      ["<x>", "b", "<y>", "<x>"],
      new Map([
        ["a", 0],
        ["b", 5],
      ]),
    );
    assert.deepEqual(
      [...ids],
      [
        ["<x>", 2],
        ["b", 5],
        ["<y>", 3],
      ],
    );
  });
});
