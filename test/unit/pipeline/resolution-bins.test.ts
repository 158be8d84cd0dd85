import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { classifyHeightWidth } from "../../../sidecar/pipeline/resolution-bins";

describe("classifyHeightWidth", () => {
  it("chooses as diffusers does", () => {
    const cases = JSON.parse(readFileSync("test/golden/pipeline/bins.json", "utf8")) as number[][];
    const different = cases.filter(([sampleSize, height, width, binHeight, binWidth]) => {
      const bin = classifyHeightWidth({ height: height!, width: width!, sampleSize: sampleSize! });
      return bin.height !== binHeight || bin.width !== binWidth;
    });
    assert.deepEqual(different, []);
  });

  it("refuses a sample_size without a table and names those that have one", () => {
    assert.throws(() => classifyHeightWidth({ height: 512, width: 512, sampleSize: 8 }), {
      code: "invalid-checkpoint",
      message: /sample_size 8 .*16, 32, 64, 128/,
    });
  });
});
