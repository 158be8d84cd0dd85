import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CELL_SIDE, renderPreview, type PreviewMatrix } from "../../../sidecar/image/latent-preview";

const OUTPUTS = 3 * CELL_SIDE ** 2;

describe("renderPreview", () => {
  it("gives the longer side the asked length and keeps the shape", () => {
    const matrix: PreviewMatrix = { channels: 1, weights: new Float32Array(OUTPUTS), bias: new Float32Array(OUTPUTS) };
    for (const [height, width, expected] of [
      [16, 16, [128, 128]],
      [16, 32, [128, 64]],
      [22, 11, [64, 128]],
      [128, 128, [128, 128]],
      [1, 64, [128, 2]],
    ] as const) {
      const latents = { data: new Float32Array(height * width), dims: [1, 1, height, width] };
      const preview = renderPreview(latents, { matrix, longestSide: 128 });
      assert.deepEqual([preview.width, preview.height], expected);
      assert.ok(preview.data.every((level) => level === 128));
    }
  });

  it("puts each output of the map in its place within the cell", () => {
    // Two channels; the bias draws red where row and column of the block are equal, channel 1 adds blue everywhere.
    const weights = new Float32Array(OUTPUTS * 2);
    const bias = new Float32Array(OUTPUTS).fill(-1);
    for (let place = 0; place < CELL_SIDE ** 2; place += 1) {
      if (Math.floor(place / CELL_SIDE) === place % CELL_SIDE) bias[place] = 1;
      weights[(2 * CELL_SIDE ** 2 + place) * 2 + 1] = 2;
    }
    // Cells in one row: the left one has channel 1 at 0, the right one at 1. Channel 0 has no weight.
    const latents = { data: Float32Array.of(9, 9, 0, 1), dims: [1, 2, 1, 2] };

    const preview = renderPreview(latents, { matrix: { channels: 2, weights, bias }, longestSide: 2 * CELL_SIDE });

    assert.deepEqual([preview.width, preview.height], [2 * CELL_SIDE, CELL_SIDE]);
    for (let y = 0; y < CELL_SIDE; y += 1) {
      for (let x = 0; x < 2 * CELL_SIDE; x += 1) {
        const pixel = 3 * (y * preview.width + x);
        const expected = [x % CELL_SIDE === y ? 255 : 0, 0, x < CELL_SIDE ? 0 : 255];
        assert.deepEqual([...preview.data.subarray(pixel, pixel + 3)], expected);
      }
    }
  });
});
