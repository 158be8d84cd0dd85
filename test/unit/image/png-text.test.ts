import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SanaError } from "../../../sidecar/errors";
import { writePngChunk } from "../../../sidecar/image/png-chunks";
import { decodePng } from "../../../sidecar/image/png-decoder";
import { encodePng } from "../../../sidecar/image/png-encoder";
import { readInternationalText, writeInternationalText } from "../../../sidecar/image/png-text";
import { testPicture } from "./goldens";

const PNG = encodePng(testPicture(3, 2));
const QUERY = { keyword: "note", maxBytes: 100, file: "fox.png" };

describe("text in a PNG", () => {
  for (const text of ["", "plain", "一只红狐狸 🦊👨‍👩‍👧", "\ufeffline one\nline two\t\u0001"]) {
    it(`comes back unchanged: ${JSON.stringify(text)}`, () => {
      const png = writeInternationalText(PNG, "note", text);
      assert.equal(readInternationalText(png, QUERY), text);
      assert.deepEqual(decodePng(png, "fox.png"), testPicture(3, 2));
    });
  }

  it("is found by its whole keyword only", () => {
    const png = writeInternationalText(writeInternationalText(PNG, "note", "right"), "notes", "wrong");
    assert.equal(readInternationalText(png, QUERY), "right");
    assert.equal(readInternationalText(PNG, QUERY), undefined);
    assert.equal(readInternationalText(png, { ...QUERY, keyword: "not" }), undefined);
  });

  it("is read from chunks with a language and a translated keyword", () => {
    assert.equal(readInternationalText(pngWithText("note\0\0\0zh-Hans\0笔记\0文字"), QUERY), "文字");
  });

  it("is not taken from compressed chunks, which this program does not write", () => {
    assert.equal(readInternationalText(pngWithText("note\0\u0001\0\0\0abc"), QUERY), undefined);
  });

  it("is refused when it is malformed, not UTF-8 or too long", () => {
    refuses(pngWithText("note\0\0"), /malformed/);
    refuses(pngWithText("note\0\0\0en\0translation without an end"), /malformed/);
    refuses(pngWithText(Buffer.from("note\0\0\0\0\0\xff\xfe", "latin1")), /not UTF-8/);
    refuses(pngWithText(`note\0\0\0\0\0${"x".repeat(101)}`), /101 bytes, more than the 100 allowed/);
  });

  it("is refused in a damaged file, wherever the damage is", () => {
    const png = writeInternationalText(PNG, "note", "text");
    for (const position of [20, 45, png.length - 20, png.length - 1]) {
      const damaged = Uint8Array.from(png);
      damaged[position]! ^= 1;
      refuses(damaged, /./);
    }
  });
});

function pngWithText(data: string | Uint8Array): Uint8Array {
  const chunk = writePngChunk("iTXt", typeof data === "string" ? Buffer.from(data, "utf8") : data);
  return Buffer.concat([PNG.subarray(0, 33), chunk, PNG.subarray(33)]);
}

function refuses(png: Uint8Array, message: RegExp): void {
  assert.throws(
    () => readInternationalText(png, QUERY),
    (error) => error instanceof SanaError && error.code === "invalid-input-file" && message.test(error.message),
  );
}
