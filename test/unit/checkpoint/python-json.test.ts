import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parsePythonJson } from "../../../sidecar/checkpoint/python-json";
import { assertRefused } from "./checkpoint-files";

const FILE = "folder/some.json";

function parse(text: string): unknown {
  return parsePythonJson(new TextEncoder().encode(text), FILE);
}

describe("parsePythonJson", () => {
  it("reads what JSON.parse reads", () => {
    const texts = [
      '{"a": [1, -2.5e3, 0, 1E-2, true, false, null], "b": {"": ""}}',
      " [ ] ",
      "{}",
      '"\\u00e9\\n\\"\\\\ 🦊 \\ud83e\\udd8a \\\\"',
      "-0",
      '[["a","\\\\\\""],{"x":{"y":[{}]}}]',
    ];
    for (const text of texts) assert.deepStrictEqual(parse(text), JSON.parse(text));
  });

  it("reads Python's non-finite numbers outside strings", () => {
    assert.deepStrictEqual(parse('{"a": -Infinity, "b": [Infinity, NaN], "c": "NaN, -Infinity"}'), {
      a: -Infinity,
      b: [Infinity, NaN],
      c: "NaN, -Infinity",
    });
  });

  it("keeps __proto__ an ordinary key", () => {
    const value = parse('{"__proto__": {"polluted": true}, "constructor": 1}') as Record<string, unknown>;
    assert.deepStrictEqual(Object.keys(value), ["__proto__", "constructor"]);
    assert.equal(Object.getPrototypeOf(value), Object.prototype);
    assert.equal(value["polluted"], undefined);
  });

  it("ignores a byte order mark", () => {
    assert.deepStrictEqual(parsePythonJson(Uint8Array.of(0xef, 0xbb, 0xbf, 0x5b, 0x5d), FILE), []);
  });

  it("refuses what is not JSON, naming the file", async () => {
    const texts = [
      "",
      "   ",
      "{",
      "[1,",
      "[1,]",
      '{"a":1,}',
      '{"a" 1}',
      "{a:1}",
      "{'a':1}",
      '"abc',
      '"abc\\"',
      '"a\nb"',
      '"\\x41"',
      "01",
      "+1",
      ".5",
      "1.",
      "- 1",
      "-NaN",
      "nan",
      "undefined",
      "[] []",
      "null,",
      "// comment\n1",
    ];
    for (const text of texts)
      await assertRefused(() => parse(text), "invalid-checkpoint", /^folder\/some\.json is not valid JSON: /);
  });

  it("refuses a key that occurs twice", async () => {
    await assertRefused(() => parse('{"a": 1, "b": {"c": 1, "c": 1}}'), "invalid-checkpoint", /"c" occurs twice/);
  });

  it("refuses bytes that are not UTF-8", async () => {
    const bytes = Uint8Array.of(0x22, 0xff, 0x22);
    await assertRefused(() => parsePythonJson(bytes, FILE), "invalid-checkpoint", /some\.json.*UTF-8/);
    await assertRefused(() => parsePythonJson(bytes, FILE, "invalid-weights"), "invalid-weights");
  });

  it("reads 64 levels and refuses more, however many there are", async () => {
    assert.doesNotThrow(() => parse("[".repeat(64) + "]".repeat(64)));
    await assertRefused(() => parse("[".repeat(65) + "]".repeat(65)), "invalid-checkpoint", /deeper than 64/);
    await assertRefused(() => parse("[".repeat(2 ** 24)), "invalid-checkpoint", /deeper than 64/);
    await assertRefused(() => parse('{"a":'.repeat(2 ** 22)), "invalid-checkpoint", /deeper than 64/);
  });

  it("survives long strings, escapes, spaces and numbers", async () => {
    const length = 2 ** 22;
    assert.equal(parse(`"${"a".repeat(length)}"`), "a".repeat(length));
    assert.equal(parse(`"${"\\n".repeat(length)}"`), "\n".repeat(length));
    assert.equal(parse(`${" ".repeat(length)}1`), 1);
    assert.equal(parse("9".repeat(length)), Infinity);
    await assertRefused(() => parse(`"${'\\"'.repeat(length)}`), "invalid-checkpoint", /no end/);
  });
});
