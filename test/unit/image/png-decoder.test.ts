import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { deflateSync } from "node:zlib";
import { SanaError } from "../../../sidecar/errors";
import { PNG_SIGNATURE, writePngChunk } from "../../../sidecar/image/png-chunks";
import { decodePng } from "../../../sidecar/image/png-decoder";
import { encodePng } from "../../../sidecar/image/png-encoder";
import { bytesOf, goldens, testPicture } from "./goldens";

const FILE = "fox.png";

describe("decodePng", () => {
  for (const { name, width, height, png, rgb } of goldens.png) {
    it(`reads ${name} as Pillow does`, () => {
      assert.deepEqual(decodePng(bytesOf(png), FILE), { width, height, data: bytesOf(rgb) });
    });
  }

  it("reads bytes that lie within a larger buffer", () => {
    const png = encodePng(testPicture(4, 3));
    const larger = new Uint8Array(png.length + 11);
    larger.set(png, 7);
    assert.deepEqual(decodePng(larger.subarray(7, 7 + png.length), FILE), testPicture(4, 3));
  });

  it("ignores what follows the end mark", () => {
    const png = Buffer.concat([encodePng(testPicture(4, 3)), Buffer.from("trailing")]);
    assert.deepEqual(decodePng(png, FILE), testPicture(4, 3));
  });

  it("keeps the colour of a pixel that is transparent", () => {
    const [colour, key] = [Uint8Array.of(9, 8, 7), Uint8Array.of(0, 9, 0, 8, 0, 7)];
    const png = pngOf([header({}), chunk("tRNS", key), pixels(Uint8Array.of(0, ...colour))]);
    assert.deepEqual(decodePng(png, FILE), { width: 1, height: 1, data: colour });
  });

  it("refuses a file cut off at any byte", () => {
    const png = encodePng(testPicture(5, 4));
    for (let length = 0; length < png.length; length += 1) refuses(png.subarray(0, length));
  });

  it("refuses a file in which any byte is wrong", () => {
    const png = encodePng(testPicture(5, 4));
    for (let position = 0; position < png.length; position += 1) {
      const damaged = Uint8Array.from(png);
      damaged[position]! ^= 0x55;
      refuses(damaged);
    }
  });

  it("says what is wrong", () => {
    refuses(new Uint8Array(0), /is empty/);
    refuses(Buffer.from("GIF89a and more than eight bytes"), /not a PNG/);
    refuses(pngOf([chunk("tEXt", "a\0b"), header({})]), /does not begin with its header/);
    refuses(pngOf([header({}), header({}), pixels(new Uint8Array(4))]), /two headers/);
    refuses(pngOf([header({})]), /no pixels/);
    refuses(pngOf([header({ type: 3 }), pixels(new Uint8Array(2))]), /palette \(PLTE\) is missing/);
    refuses(pngOf([header({ type: 3 }), chunk("PLTE", "four"), pixels(new Uint8Array(2))]), /palette has 4 bytes/);
    refuses(pngOf([header({ type: 3 }), chunk("PLTE", "rgb"), pixels(Uint8Array.of(0, 1))]), /index 1 not in palette/);
    refuses(pngOf([header({}), chunk("CgBI", "abcd"), pixels(new Uint8Array(4))]), /needs CgBI/);
    refuses(pngOf([header({}), chunk("12 4", ""), pixels(new Uint8Array(4))]), /no chunk at byte 33/);
    refuses(pngOf([header({ depth: 3 }), pixels(new Uint8Array(4))]), /colour type 2 with 3 bits/);
    refuses(pngOf([header({ type: 7 }), pixels(new Uint8Array(4))]), /colour type 7/);
    refuses(pngOf([header({ interlace: 2 }), pixels(new Uint8Array(4))]), /method that does not exist/);
    refuses(pngOf([chunk("IHDR", "short"), pixels(new Uint8Array(4))]), /header has 5 bytes/);
    refuses(pngOf([header({}), pixels(Uint8Array.of(5, 0, 0, 0))]), /filter type - 5/);
    refuses(pngOf([header({}), chunk("IDAT", "not deflated")]), /pixels are damaged/);
  });

  it("refuses a picture that holds more or fewer pixels than its size says", () => {
    refuses(pngOf([header({}), pixels(new Uint8Array(3))]), /fewer pixels/);
    refuses(pngOf([header({}), pixels(new Uint8Array(5))]), /more pixels/);
    const deflated = deflateSync(testPicture(9, 9).data);
    refuses(pngOf([header({ width: 9, height: 9 }), chunk("IDAT", deflated.subarray(0, 40))]), /end early/);
  });

  it("refuses sizes of zero and beyond the limits before allocating anything of that size", () => {
    refuses(pngOf([header({ width: 0 }), pixels(new Uint8Array(0))]), /size is 0×1/);
    refuses(pngOf([header({ width: 60_000, height: 60_000 }), pixels(new Uint8Array(9))]), /60000×60000 is too large/);
    refuses(pngOf([header({ width: 2 ** 31, height: 1 }), pixels(new Uint8Array(9))]), /too large/);
    refuses(pngOf([header({ width: 8_193, height: 8_192 }), pixels(new Uint8Array(9))]), /too large/);
  });

  it("stops inflating a bomb where the declared picture ends", () => {
    const bomb = pngOf([header({}), pixels(new Uint8Array(2 ** 26))]);
    const before = process.memoryUsage().arrayBuffers;
    refuses(bomb, /more pixels/);
    // A few blocks of the decompressor, against 64 MiB that the data would inflate to.
    assert.ok(process.memoryUsage().arrayBuffers - before < 2 ** 23);
  });
});

function refuses(png: Uint8Array, message = /./): void {
  assert.throws(
    () => decodePng(png, FILE),
    (error) => {
      assert.ok(error instanceof SanaError, String(error));
      assert.equal(error.code, "invalid-input-file");
      assert.match(error.message, message);
      assert.ok(error.message.includes(FILE) && !error.message.includes("\n"));
      return true;
    },
  );
}

function pngOf(chunks: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat([PNG_SIGNATURE, ...chunks, chunk("IEND", "")]);
}

/** A header; by default that of one 8-bit RGB pixel. */
function header({ width = 1, height = 1, depth = 8, type = 2, interlace = 0 }): Uint8Array {
  const data = Buffer.alloc(13);
  data.writeUInt32BE(width, 0);
  data.writeUInt32BE(height, 4);
  data.set([depth, type, 0, 0, interlace], 8);
  return chunk("IHDR", data);
}

function pixels(rows: Uint8Array): Uint8Array {
  return chunk("IDAT", deflateSync(rows));
}

function chunk(type: string, data: string | Uint8Array): Uint8Array {
  return writePngChunk(type, typeof data === "string" ? Buffer.from(data, "latin1") : data);
}
