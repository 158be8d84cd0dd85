import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileNameFrom, numberedName } from "../../../extension/insert/file-name";

const fox = { prompt: "A red fox 🦊", seed: "42", documentName: "notes", date: new Date(2026, 0, 5) };

describe("the file name of a picture", () => {
  it("is what the template says", () => {
    assert.equal(fileNameFrom("${prompt}", fox), "a-red-fox");
    assert.equal(fileNameFrom("${documentName}-${prompt}-${seed}", fox), "notes-a-red-fox-42");
    assert.equal(fileNameFrom("${date} ${prompt}.png", fox), "2026-01-05-a-red-fox");
    assert.equal(fileNameFrom("插图 ${prompt}", fox), "插图-a-red-fox");
  });

  it("is one name and no path, whatever the template and the document's name are", () => {
    for (const template of ["../../${prompt}", "/etc/${prompt}", "C:\\${prompt}", "..", "a/../../b", ".${prompt}"]) {
      const name = fileNameFrom(template, fox);
      assert.match(name, /^[^./\\:][^/\\:]*$/, template);
    }
    assert.equal(fileNameFrom("${documentName}", { ...fox, documentName: "../x" }), "x");
  });

  it("leaves out what file systems, shells and links trip over", () => {
    assert.equal(fileNameFrom('a<b>c:"d|e?f*g%h#i', fox), "a-b-c-d-e-f-g-h-i");
    assert.equal(fileNameFrom("a\u0000b\u2028c  d", fox), "a-b-c-d");
    assert.equal(fileNameFrom("name...", fox), "name");
    assert.equal(fileNameFrom("COM1", fox), "picture-COM1");
  });

  it("is never empty", () => {
    assert.equal(fileNameFrom("", fox), "a-red-fox");
    assert.equal(fileNameFrom("...", fox), "a-red-fox");
    assert.equal(fileNameFrom("${prompt}", { ...fox, prompt: "?!" }), "picture");
    assert.equal(fileNameFrom("/", { ...fox, prompt: "" }), "picture");
  });

  it("keeps unknown variables harmless and fits into a file system", () => {
    assert.equal(fileNameFrom("${constructor}", fox), "constructor");
    assert.ok(Buffer.byteLength(fileNameFrom("狐".repeat(300), fox)) <= 240);
  });

  it("is followed by a number from the second on", () => {
    assert.deepEqual(
      [1, 2, 13].map((number) => numberedName("fox", number)),
      ["fox.png", "fox-2.png", "fox-13.png"],
    );
  });
});
