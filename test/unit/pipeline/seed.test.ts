import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseSeed, randomSeed } from "../../../sidecar/pipeline/seed";

describe("parseSeed", () => {
  it("reads every seed exactly", () => {
    for (const [text, seed] of [
      ["0", 0n],
      ["42", 42n],
      ["007", 7n],
      ["4294967296", 4294967296n],
      // The first number that a double cannot hold, and the last one that is allowed.
      ["9007199254740993", 9007199254740993n],
      ["9223372036854775807", 9223372036854775807n],
    ] as const) {
      assert.equal(parseSeed(text), seed);
    }
  });

  it("refuses everything else and says what is allowed", () => {
    const texts = ["", " ", "-1", "+1", "1.0", "1e3", "0x10", " 1", "1\n", "1n", "NaN", "١", "9223372036854775808"];
    for (const text of [...texts, "9".repeat(1_000_000)]) {
      assert.throws(() => parseSeed(text), { code: "invalid-parameter", message: /0 to 9223372036854775807/ });
    }
  });
});

describe("randomSeed", () => {
  it("is exact as a JSON number and not always the same", () => {
    const seeds = Array.from({ length: 32 }, randomSeed);
    assert.ok(seeds.every((seed) => seed >= 0n && seed < 2n ** 32n));
    assert.ok(new Set(seeds).size > 1);
  });
});
