import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { tiledDecode, tiledEncode } from "../../../sidecar/pipeline/vae-tiling";
import type { FloatTensor } from "../../../sidecar/tensor/float-tensor";

const COMPRESSION = 32;

/** A decoder without any context: every latent cell becomes a block of its own value. */
function enlarge({ data, dims }: FloatTensor): Promise<FloatTensor> {
  const [, channels, height, width] = dims as [number, number, number, number];
  const [outHeight, outWidth] = [height * COMPRESSION, width * COMPRESSION];
  const out = new Float32Array(channels * outHeight * outWidth);
  for (let i = 0; i < out.length; i += 1) {
    const channel = Math.floor(i / (outHeight * outWidth));
    const y = Math.floor((Math.floor(i / outWidth) % outHeight) / COMPRESSION);
    const x = Math.floor((i % outWidth) / COMPRESSION);
    out[i] = data[(channel * height + y) * width + x]!;
  }
  return Promise.resolve({ data: out, dims: [1, channels, outHeight, outWidth] });
}

/** Its inverse: the top left pixel of every block. */
function reduce({ data, dims }: FloatTensor): Promise<FloatTensor> {
  const [, channels, height, width] = dims as [number, number, number, number];
  const [outHeight, outWidth] = [height / COMPRESSION, width / COMPRESSION];
  const out = new Float32Array(channels * outHeight * outWidth);
  for (let i = 0; i < out.length; i += 1) {
    const channel = Math.floor(i / (outHeight * outWidth));
    const [y, x] = [Math.floor(i / outWidth) % outHeight, i % outWidth];
    out[i] = data[(channel * height + y * COMPRESSION) * width + x * COMPRESSION]!;
  }
  return Promise.resolve({ data: out, dims: [1, channels, outHeight, outWidth] });
}

function randomLatents(height: number, width: number): FloatTensor {
  const data = Float32Array.from({ length: 3 * height * width }, (_, i) => Math.sin(i * 12.9898) * 4);
  return { data, dims: [1, 3, height, width] };
}

// Blending two equal numbers a·(1−w) + a·w may differ from a in the last bit of float32.
const ROUNDING = 4 * 2 ** -23;

function assertClose(found: FloatTensor, expected: FloatTensor): void {
  assert.deepEqual(found.dims, expected.dims);
  found.data.forEach((value, i) => {
    assert.ok(Math.abs(value - expected.data[i]!) <= ROUNDING, `element ${i}: ${value} ≠ ${expected.data[i]!}`);
  });
}

describe("tiling", () => {
  // With tiles of 16 cells every 14: one tile beyond the edge, several, and a last one inside the overlap.
  for (const [height, width] of [
    [18, 20],
    [31, 16],
    [16, 45],
  ] as const) {
    it(`is seamless for a decoder without context, ${height}×${width} latents`, async () => {
      const latents = randomLatents(height, width);
      assertClose(await tiledDecode(latents, COMPRESSION, enlarge), await enlarge(latents));
    });

    it(`is seamless for an encoder without context, ${height}×${width} latents`, async () => {
      const latents = randomLatents(height, width);
      assertClose(await tiledEncode(await enlarge(latents), COMPRESSION, reduce), latents);
    });
  }

  it("fades from one tile to the next over the overlap", async () => {
    let tiles = 0;
    const numbered = async (tile: FloatTensor): Promise<FloatTensor> => {
      tiles += 1;
      const { data, dims } = await enlarge(tile);
      return { data: data.fill(tiles), dims };
    };
    const { data } = await tiledDecode(randomLatents(16, 20), COMPRESSION, numbered);
    assert.equal(tiles, 2 * 2);
    // The first row of tiles holds 1 and 2; the second tile begins at pixel 448 and is whole from 448 + 64 on.
    assert.equal(data[447], 1);
    assert.equal(data[448], 1);
    assert.equal(data[448 + 32], 1.5);
    assert.equal(data[448 + 64], 2);
  });
});
