import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileNameFromPrompt } from "../../../sidecar/files/file-name";

describe("fileNameFromPrompt", () => {
  for (const [prompt, name] of [
    ["A red fox", "a-red-fox"],
    ["A red fox 🦊, 红色", "a-red-fox-🦊-红色"],
    ["一只红色的狐狸，坐在雪地里", "一只红色的狐狸-坐在雪地里"],
    ["👨‍👩‍👧‍👦 family", "👨‍👩‍👧‍👦-family"],
    ["👍🏽🇨🇳❤️", "👍🏽🇨🇳❤️"],
    ["ein GRÜNER Baum", "ein-grüner-baum"],
    ["cafe\u0301", "café"],
    ["नमस्ते दुनिया", "नमस्ते-दुनिया"],
    ["fox\nin\tthe   snow!!!", "fox-in-the-snow"],
    ["../../etc/passwd", "etc-passwd"],
    ["C:\\Windows\\system32", "c-windows-system32"],
    ["-rf --help", "rf-help"],
    [".hidden.", "hidden"],
    ['50% off: <b>"quoted"|?*', "50-off-b-quoted"],
    ["evil\u202egnp.exe", "evil-gnp-exe"],
    ["a\u200bb\u0000c\u001b[31md\ufeff", "a-b-c-31md"],
    ["\u3164\u115f", "image"],
    ["lone \ud83e surrogate \udd8a", "lone-surrogate"],
    ["", "image"],
    ["!!! ... ///", "image"],
    ["CON", "con-image"],
    ["lpt1", "lpt1-image"],
    ["console", "console"],
    ["1️⃣ first", "1⃣-first"],
  ] as const) {
    it(`makes ${JSON.stringify(name)} of ${JSON.stringify(prompt)}`, () => {
      assert.equal(fileNameFromPrompt(prompt), name);
    });
  }

  it("keeps to 60 characters without cutting one", () => {
    assert.equal(fileNameFromPrompt("x".repeat(100_000)), "x".repeat(60));
    assert.equal(fileNameFromPrompt("ab ".repeat(40)), `${"ab-".repeat(19)}ab`);
  });

  it("keeps to 180 bytes without cutting a character", () => {
    // A family is 25 bytes in UTF-8: seven fit.
    assert.equal(fileNameFromPrompt("👨‍👩‍👧‍👦".repeat(30)), "👨‍👩‍👧‍👦".repeat(7));
    assert.equal(fileNameFromPrompt("红".repeat(200)), "红".repeat(60));
  });

  it("is not blown up by endless combining marks", () => {
    const name = fileNameFromPrompt(`ź${"\u0301".repeat(500)} fox`);
    assert.ok(name.startsWith("ź") && name.endsWith("-fox") && name.length < 40, name);
  });
});
