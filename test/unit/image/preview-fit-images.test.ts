import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { previewFitImages } from "../../../sidecar/image/preview-fit-images";

describe("previewFitImages", () => {
  it("always draws the same pictures, each different from the others", () => {
    const images = previewFitImages(32, 8);
    assert.deepEqual(previewFitImages(32, 8), images);
    assert.equal(new Set(images.map(({ data }) => Buffer.from(data).toString("base64"))).size, 8);
    for (const image of images) assert.equal(image.data.length, 3 * 32 * 32);
  });

  it("covers the range of every colour, so that a map can be fitted", () => {
    const images = previewFitImages(32, 24);
    for (let color = 0; color < 3; color += 1) {
      const levels = images.flatMap(({ data }) => [...data].filter((_, i) => i % 3 === color));
      const mean = levels.reduce((sum, level) => sum + level, 0) / levels.length;
      const deviation = Math.sqrt(levels.reduce((sum, level) => sum + (level - mean) ** 2, 0) / levels.length);
      // Uniform levels deviate by 74 from their mean of 127.5.
      assert.ok(mean > 90 && mean < 165 && deviation > 60, `mean ${mean}, deviation ${deviation}`);
      assert.ok(levels.includes(0) && levels.includes(255));
    }
  });
});
