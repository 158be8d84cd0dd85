import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SanaError } from "../../../sidecar/errors";
import { CELL_SIDE, renderPreview } from "../../../sidecar/image/latent-preview";
import { previewFitImages } from "../../../sidecar/image/preview-fit-images";
import {
  fitPreviewMatrix,
  parsePreviewMatrix,
  previewMatrixToJson,
  type PreviewSample,
} from "../../../sidecar/image/preview-matrix";

const CELL_PIXELS = 8;

describe("fitPreviewMatrix", () => {
  it("recovers the picture from latents that hold its colours", () => {
    // An "encoder" whose four channels are fixed mixtures of a cell's mean colour: previews must show those colours.
    const samples = previewFitImages(64, 12).map(encodeMeans);
    const matrix = fitPreviewMatrix(samples.slice(0, 10));

    for (const { image, latents } of samples.slice(10)) {
      const cells = image.width / CELL_PIXELS;
      const preview = renderPreview(latents, { matrix, longestSide: cells });
      let squares = 0;
      for (let cell = 0; cell < cells * cells; cell += 1) {
        const mean = cellMean(image, cell % cells, Math.floor(cell / cells));
        for (let color = 0; color < 3; color += 1) squares += (preview.data[3 * cell + color]! - mean[color]!) ** 2;
      }
      // Lanczos shrinks the blocks to cells with a filter wider than a cell, which blurs edges by some levels of 255;
      // a map with wrong coefficients is off by more than 50.
      assert.ok(Math.sqrt(squares / (3 * cells * cells)) < 20);
    }
  });

  it("resolves structure within a cell that the latents hold", () => {
    // One channel: the step from a cell's left half to its right half. The fit must draw it at the right columns.
    const image = { width: 64, height: 64, data: new Uint8Array(3 * 64 * 64) };
    const latents = { data: new Float32Array(64), dims: [1, 1, 8, 8] };
    for (let cell = 0; cell < 64; cell += 1) {
      const isBright = (cell * 5) % 3 === 0;
      latents.data[cell] = isBright ? 1 : 0;
      for (let y = 0; y < CELL_PIXELS; y += 1) {
        for (let x = CELL_PIXELS / 2; x < CELL_PIXELS; x += 1) {
          const pixel = (Math.floor(cell / 8) * CELL_PIXELS + y) * 64 + (cell % 8) * CELL_PIXELS + x;
          image.data.fill(isBright ? 255 : 0, 3 * pixel, 3 * pixel + 3);
        }
      }
    }
    const matrix = fitPreviewMatrix([{ image, latents }]);
    const one = { data: Float32Array.of(1), dims: [1, 1, 1, 1] };
    const preview = renderPreview(one, { matrix, longestSide: CELL_SIDE });
    for (let x = 0; x < CELL_SIDE; x += 1) {
      // The ridge penalty of 1e-3 takes less than one level of 255.
      assert.ok(Math.abs(preview.data[3 * x]! - (x < CELL_SIDE / 2 ? 0 : 255)) <= 1);
    }
  });

  it("falls back to the mean colours when the latents tell nothing", () => {
    const image = { width: 8, height: 4, data: Uint8Array.from({ length: 96 }, (_, i) => (i % 24 < 12 ? 255 : 51)) };
    const latents = { data: new Float32Array(2 * 2).fill(7), dims: [1, 2, 1, 2] };
    const preview = renderPreview(latents, { matrix: fitPreviewMatrix([{ image, latents }]), longestSide: 8 });
    assert.ok(preview.data.every((level) => level === 153));
  });

  it("refuses latents that are not finite", () => {
    const sample = encodeMeans(previewFitImages(16, 1)[0]!);
    sample.latents.data[3] = Number.NaN;
    assert.throws(
      () => fitPreviewMatrix([sample]),
      (error) => error instanceof SanaError && error.code === "non-finite",
    );
  });
});

describe("a preview matrix as JSON", () => {
  const matrix = fitPreviewMatrix(previewFitImages(32, 4).map(encodeMeans));
  const json = previewMatrixToJson(matrix);

  it("comes back to the last bit", () => {
    assert.deepEqual(parsePreviewMatrix(json, 4), matrix);
  });

  it("is undefined for anything else", () => {
    assert.equal(parsePreviewMatrix(json, 5), undefined);
    assert.equal(parsePreviewMatrix("", 4), undefined);
    assert.equal(parsePreviewMatrix("null", 4), undefined);
    assert.equal(parsePreviewMatrix(json.slice(0, -1), 4), undefined);
    assert.equal(parsePreviewMatrix(json.replace(/"weights":\[[^,]+,/, '"weights":['), 4), undefined);
    assert.equal(parsePreviewMatrix(json.replace(/"bias":\[[^,]+,/, '"bias":[null,'), 4), undefined);
  });
});

function encodeMeans(image: PreviewSample["image"]): PreviewSample {
  const cells = image.width / CELL_PIXELS;
  const data = new Float32Array(4 * cells * cells);
  for (let cell = 0; cell < cells * cells; cell += 1) {
    const [red, green, blue] = cellMean(image, cell % cells, Math.floor(cell / cells)).map((level) => level / 255);
    data.set([red! - blue!], cell);
    data.set([0.3 * green! + 2], cells * cells + cell);
    data.set([red! + green! + blue!], 2 * cells * cells + cell);
    data.set([0.01 * green! - red!], 3 * cells * cells + cell);
  }
  return { image, latents: { data, dims: [1, 4, cells, cells] } };
}

function cellMean(image: PreviewSample["image"], cellX: number, cellY: number): [number, number, number] {
  const mean: [number, number, number] = [0, 0, 0];
  for (let y = 0; y < CELL_PIXELS; y += 1) {
    for (let x = 0; x < CELL_PIXELS; x += 1) {
      const pixel = 3 * ((cellY * CELL_PIXELS + y) * image.width + cellX * CELL_PIXELS + x);
      for (let color = 0; color < 3; color += 1) mean[color]! += image.data[pixel + color]! / CELL_PIXELS ** 2;
    }
  }
  return mean;
}
