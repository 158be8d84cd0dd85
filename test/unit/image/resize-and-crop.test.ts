import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { resizeAndCrop } from "../../../sidecar/image/resize-and-crop";
import type { FloatTensor } from "../../../sidecar/tensor/float-tensor";
import { floatsOf, goldens } from "./goldens";

// PyTorch rounds each product and sum to float32, this code only the result: up to three units of 2^-24 at values
// around 1. A wrong position shows as 1e-4 and more on the long side.
const TOLERANCE = 4e-7;

describe("resizeAndCrop", () => {
  for (const { height, width, toHeight, toWidth, expected } of goldens.resizeAndCrop) {
    it(`gives the numbers of the reference from ${width}×${height} to ${toWidth}×${toHeight}`, () => {
      const resized = resizeAndCrop(formulaPicture(height, width), { width: toWidth, height: toHeight });
      assert.deepEqual(resized.dims, [1, 1, toHeight, toWidth]);
      const reference = floatsOf(expected);
      assert.equal(resized.data.length, reference.length);
      const worst = Math.max(...resized.data.map((value, i) => Math.abs(value - reference[i]!)));
      assert.ok(worst <= TOLERANCE, `largest difference ${worst}`);
    });
  }

  it("leaves a picture of the asked size as it is", () => {
    const image = formulaPicture(8, 9);
    assert.equal(resizeAndCrop(image, { width: 9, height: 8 }), image);
  });

  it("treats the channels alike", () => {
    const { data } = formulaPicture(6, 5);
    const stacked: FloatTensor = { data: Float32Array.from([...data, ...data, ...data]), dims: [1, 3, 6, 5] };
    const resized = resizeAndCrop(stacked, { width: 7, height: 7 });
    const single = resizeAndCrop({ data, dims: [1, 1, 6, 5] }, { width: 7, height: 7 });
    assert.deepEqual(resized.data, Float32Array.from([...single.data, ...single.data, ...single.data]));
  });
});

/** The picture that make_image_goldens.py forms, [1, 1, height, width] in about [−1, 1]. */
function formulaPicture(height: number, width: number): FloatTensor {
  const data = Float32Array.from({ length: height * width }, (_, i) => ((i * 7919) % 2003) / 1001.5 - 1);
  return { data, dims: [1, 1, height, width] };
}
