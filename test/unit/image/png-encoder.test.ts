import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deflateSync } from "node:zlib";
import { readPngChunks } from "../../../sidecar/image/png-chunks";
import { decodePng } from "../../../sidecar/image/png-decoder";
import { encodePng } from "../../../sidecar/image/png-encoder";
import { testPicture } from "./goldens";

describe("encodePng", () => {
  for (const [width, height] of [
    [1, 1],
    [7, 5],
    [64, 48],
  ] as const) {
    it(`writes ${width}×${height} pixels that come back unchanged`, () => {
      const image = testPicture(width, height);
      assert.deepEqual(decodePng(encodePng(image), "a.png"), image);
    });
  }

  it("writes 8-bit RGB, not interlaced, and nothing that varies", () => {
    const png = encodePng(testPicture(7, 5));
    const chunks = [...readPngChunks(png, "a.png")];
    assert.deepEqual(
      chunks.map(({ type }) => type),
      ["IHDR", "IDAT", "IEND"],
    );
    assert.deepEqual([...chunks[0]!.data], [0, 0, 0, 7, 0, 0, 0, 5, 8, 2, 0, 0, 0]);
    assert.deepEqual(encodePng(testPicture(7, 5)), png);
  });

  it("makes smooth pictures smaller than plain deflating does", () => {
    const data = Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => {
      const [pixel, channel] = [Math.floor(i / 3), i % 3];
      return (pixel % 64) * 2 + Math.floor(pixel / 64) + channel * 9;
    });
    assert.ok(encodePng({ width: 64, height: 64, data }).length < deflateSync(data).length / 2);
  });
});
