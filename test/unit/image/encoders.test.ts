import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PNG } from "pngjs";
import { encodeJpeg } from "../../../sidecar/image/jpeg-encoder";
import { encodeRgbaPng } from "../../../sidecar/image/png-encoder";
import { resizeRgba, toRgba } from "../../../sidecar/image/rgba";
import { encodeWebp } from "../../../sidecar/image/webp-encoder";

const rgb = { width: 40, height: 24, data: Uint8Array.from({ length: 3 * 40 * 24 }, (_, i) => (i * 7) % 256) };

describe("encodeRgbaPng", () => {
  it("keeps every colour and alpha", () => {
    const image = { width: 3, height: 2, data: Uint8Array.from({ length: 24 }, (_, i) => 10 * i) };
    assert.deepEqual(new Uint8Array(PNG.sync.read(Buffer.from(encodeRgbaPng(image))).data), image.data);
  });
});

describe("encodeWebp", () => {
  it("writes a lossy WebP of that size, with transparency where there is some", async () => {
    const opaque = Buffer.from(await encodeWebp(toRgba(rgb)));
    assert.deepEqual([opaque.toString("latin1", 0, 4), opaque.toString("latin1", 8, 16)], ["RIFF", "WEBPVP8 "]);
    // The key frame's header of RFC 6386, section 9.1: 14 bits each.
    assert.deepEqual([opaque.readUInt16LE(26) & 0x3fff, opaque.readUInt16LE(28) & 0x3fff], [40, 24]);
    const seeThrough = toRgba(rgb);
    seeThrough.data[3] = 0;
    assert.equal(Buffer.from(await encodeWebp(seeThrough)).toString("latin1", 12, 16), "VP8X");
    assert.deepEqual(Buffer.from(await encodeWebp(toRgba(rgb))), opaque);
  });
});

describe("encodeJpeg", () => {
  it("writes a progressive JPEG of that size", async () => {
    const jpeg = Buffer.from(await encodeJpeg(rgb));
    assert.equal(jpeg.readUInt16BE(0), 0xffd8);
    // SOF2, the frame of a progressive picture: length, precision, height, width.
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc2]));
    assert.deepEqual([jpeg.readUInt16BE(frame + 5), jpeg.readUInt16BE(frame + 7)], [24, 40]);
    assert.deepEqual(Buffer.from(await encodeJpeg(rgb)), jpeg);
  });
});

describe("resizeRgba", () => {
  it("does not let the colour of transparent pixels show", () => {
    // Red beside pixels that are transparent and green.
    const data = Uint8Array.from({ length: 4 * 32 * 32 }, (_, i) => {
      const isRed = Math.floor(i / 4) % 32 < 16;
      return [isRed ? 255 : 0, isRed ? 0 : 255, 0, isRed ? 255 : 0][i % 4]!;
    });
    const small = resizeRgba({ width: 32, height: 32, data }, { width: 8, height: 4 });
    assert.deepEqual([small.width, small.height, small.data.length], [8, 4, 128]);
    for (let i = 0; i < small.data.length; i += 4) {
      if (small.data[i + 3]! > 0) assert.deepEqual([...small.data.subarray(i, i + 3)], [255, 0, 0]);
    }
    assert.deepEqual([small.data[3], small.data[31]], [255, 0]);
  });
});
