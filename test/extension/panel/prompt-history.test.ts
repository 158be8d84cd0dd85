import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PromptHistory } from "../../../extension/panel/prompt-history";

function historyOf(stored: unknown) {
  const remembered: (readonly string[])[] = [];
  const history = new PromptHistory(stored, (prompts) => remembered.push(prompts));
  return { history, remembered };
}

describe("earlier prompts", () => {
  it("are kept once each, the latest first", () => {
    const { history, remembered } = historyOf(["一只红狐 🦊", "a house"]);
    history.add("a cat");
    history.add("a house");
    assert.deepEqual(history.all, ["a house", "a cat", "一只红狐 🦊"]);
    assert.deepEqual(remembered.at(-1), history.all);
  });

  it("are not kept without end", () => {
    const { history } = historyOf([]);
    for (let number = 0; number < 150; number += 1) history.add(`picture ${number}`);
    assert.equal(history.all.length, 100);
    assert.equal(history.all[0], "picture 149");
  });

  it("do without what an earlier version may have stored", () => {
    assert.deepEqual(historyOf(undefined).history.all, []);
    assert.deepEqual(historyOf({ prompts: [] }).history.all, []);
    assert.deepEqual(historyOf(["a", 1, null, "b"]).history.all, ["a", "b"]);
  });
});
