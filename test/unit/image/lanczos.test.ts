import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { resizeLanczos } from "../../../sidecar/image/lanczos";
import { bytesOf, goldens } from "./goldens";

describe("resizeLanczos", () => {
  for (const { width, height, rgb, toWidth, toHeight, expected } of goldens.lanczos) {
    it(`gives the bytes of Pillow from ${width}×${height} to ${toWidth}×${toHeight}`, () => {
      const resized = resizeLanczos({ width, height, data: bytesOf(rgb) }, toWidth, toHeight);
      assert.deepEqual(resized, { width: toWidth, height: toHeight, data: bytesOf(expected) });
    });
  }
});
