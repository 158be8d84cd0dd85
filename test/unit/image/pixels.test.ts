import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { rgbToTensor, tensorToRgb } from "../../../sidecar/image/pixels";
import { bytesOf, floatsOf, goldens } from "./goldens";

describe("pixels", () => {
  it("turns floats into the same bytes as diffusers, at every rounding boundary and beyond the range", () => {
    const floats = floatsOf(goldens.pixels.floats);
    const planes = new Float32Array(3 * floats.length);
    for (let channel = 0; channel < 3; channel += 1) planes.set(floats, channel * floats.length);

    const image = tensorToRgb({ data: planes, dims: [1, 3, 1, floats.length] });

    const levels = bytesOf(goldens.pixels.levels);
    assert.deepEqual([image.width, image.height], [floats.length, 1]);
    for (let channel = 0; channel < 3; channel += 1) {
      assert.deepEqual(
        image.data.filter((_, i) => i % 3 === channel),
        levels,
      );
    }
  });

  it("turns all 256 levels into the same float32 numbers as diffusers", () => {
    const data = Uint8Array.from({ length: 3 * 256 }, (_, i) => Math.floor(i / 3));
    const tensor = rgbToTensor({ width: 16, height: 16, data });
    assert.deepEqual(tensor.dims, [1, 3, 16, 16]);
    const expected = floatsOf(goldens.pixels.floatsOfLevels);
    for (let channel = 0; channel < 3; channel += 1) {
      assert.deepEqual(tensor.data.subarray(channel * 256, (channel + 1) * 256), expected);
    }
  });

  it("keeps colours and positions apart", () => {
    const data = Uint8Array.from({ length: 18 }, (_, i) => i * 14);
    const tensor = rgbToTensor({ width: 3, height: 2, data });
    assert.equal(tensor.data[6 + 4], Math.fround(Math.fround((13 * 14) / 255) * 2 - 1));
    assert.deepEqual(tensorToRgb(tensor), { width: 3, height: 2, data });
  });
});
