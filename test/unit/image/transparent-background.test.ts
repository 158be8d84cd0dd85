import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { decodePng } from "../../../sidecar/image/png-decoder";
import type { RgbImage } from "../../../sidecar/image/pixels";
import { makeBackgroundTransparent } from "../../../sidecar/image/transparent-background";

const SIDE = 96;
const WHITE = [255, 255, 255] as const;
const RED = [200, 20, 30] as const;

describe("makeBackgroundTransparent", () => {
  it("finds colour and coverage of an edge again", () => {
    const coverage = (pixel: number): number => discCoverage(pixel);
    const result = makeBackgroundTransparent(mix(WHITE, RED, coverage));
    for (let pixel = 0; pixel < SIDE * SIDE; pixel += 1) {
      const expected = coverage(pixel) * 255;
      const alpha = result.data[4 * pixel + 3]!;
      // What is as faint as the background's own noise counts as background: 12 of the 328 between white and this red.
      assert.ok(Math.abs(alpha - expected) <= 14, `alpha ${alpha} instead of ${expected}`);
      if (alpha < 32) continue;
      // A pixel of 5 % background may pass for an opaque one.
      for (const [channel, value] of RED.entries()) {
        assert.ok(Math.abs(result.data[4 * pixel + channel]! - value) <= 13, "a fringe of the background is left");
      }
    }
  });

  it("leaves what the background encloses, and what it surrounds, opaque", () => {
    // A red ring: inside it is as white as outside.
    const ring = mix(WHITE, RED, (pixel) => (Math.abs(radius(pixel) - 25) < 5 ? 1 : 0));
    const result = makeBackgroundTransparent(ring);
    const center = 4 * ((SIDE / 2) * SIDE + SIDE / 2);
    assert.deepEqual([...result.data.subarray(center, center + 4)], [...WHITE, 255]);
    assert.equal(result.data[3], 0);
  });

  it("refuses a background that is not even", () => {
    const stripes = mix(WHITE, RED, (pixel) => Number(pixel % 8 < 4));
    assert.throws(() => makeBackgroundTransparent(stripes), { code: "unsupported", message: /plain background/ });
  });

  for (const name of ["fox-on-white", "duck-on-blue"]) {
    it(`cuts out what the bundled checkpoint drew: ${name}`, () => {
      const picture = decodePng(readFileSync(`test/unit/image/${name}.png`), name);
      const { width, height, data } = makeBackgroundTransparent(picture);
      const alphaAt = (x: number, y: number): number => data[4 * (y * width + x) + 3]!;
      for (let i = 0; i < width; i += 1) {
        for (const [x, y] of [
          [i, 0],
          [i, height - 1],
          [0, i],
          [width - 1, i],
        ] as const)
          assert.equal(alphaAt(x, y), 0);
      }
      const opaque = data.filter((alpha, i) => i % 4 === 3 && alpha === 255).length / (width * height);
      assert.ok(opaque > 0.3 && opaque < 0.5, `${opaque} of the picture is left`);
      // Over the background that was taken away it looks as before: within what still counts as background.
      const background = [0, 1, 2].map((channel) => picture.data[3 * 20 * width + 3 * 20 + channel]!);
      for (let i = 0; i < width * height; i += 1) {
        const alpha = data[4 * i + 3]! / 255;
        for (const [channel, below] of background.entries()) {
          const seen = alpha * data[4 * i + channel]! + (1 - alpha) * below;
          assert.ok(Math.abs(seen - picture.data[3 * i + channel]!) <= 40, `pixel ${i}: ${seen}`);
        }
      }
    });
  }
});

function radius(pixel: number): number {
  return Math.hypot((pixel % SIDE) - SIDE / 2 + 0.3, Math.floor(pixel / SIDE) - SIDE / 2 + 0.2);
}

/** Of a disc with an edge that is as soft as the decoder's. */
function discCoverage(pixel: number): number {
  return Math.min(Math.max((30 - radius(pixel)) / 2, 0), 1);
}

function mix(back: readonly number[], front: readonly number[], coverage: (pixel: number) => number): RgbImage {
  const data = Uint8Array.from({ length: 3 * SIDE * SIDE }, (_, i) => {
    const share = coverage(Math.floor(i / 3));
    return Math.round(share * front[i % 3]! + (1 - share) * back[i % 3]!);
  });
  return { width: SIDE, height: SIDE, data };
}
