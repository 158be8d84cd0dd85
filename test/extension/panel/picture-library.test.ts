import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { PictureLibrary, type StoredPicture } from "../../../extension/panel/picture-library";
import { formOf } from "../../webview/samples";

const root = mkdtempSync(join(tmpdir(), "sana-library-"));
after(() => {
  rmSync(root, { recursive: true });
});

let libraries = 0;
async function emptyLibrary(): Promise<PictureLibrary> {
  const library = new PictureLibrary(join(root, String(++libraries), "pictures"));
  await library.prepare();
  return library;
}

async function addPicture(library: PictureLibrary, id: string): Promise<StoredPicture> {
  const picture = { id, form: formOf({ prompt: "一只红狐 🦊" }), modelName: "m", seconds: 1.5, notices: ["n"] };
  writeFileSync(library.pathOf(id), "png");
  await library.add(picture);
  return picture;
}

describe("the library of the panel's pictures", () => {
  it("gives back what was added, the newest first, no more than asked for", async () => {
    const library = await emptyLibrary();
    const pictures = [];
    for (const id of ["1", "2", "3"]) pictures.unshift(await addPicture(library, id));
    assert.deepEqual(
      await library.list(10),
      pictures.map((picture) => ({ version: 1, ...picture })),
    );
    assert.deepEqual(
      (await library.list(2)).map(({ id }) => id),
      ["3", "2"],
    );
  });

  it("takes a picture from before there were two bundled models for one of the model that there was", async () => {
    const library = await emptyLibrary();
    const { form } = await addPicture(library, "1");
    await library.add({ id: "1", form: { ...form, model: null }, modelName: "m", seconds: 1, notices: [] });
    const [old] = await library.list(1);
    assert.equal(old!.form.model, "quality");
  });

  it("is empty before the first picture", async () => {
    assert.deepEqual(await new PictureLibrary(join(root, "nowhere")).list(10), []);
  });

  it("makes IDs that sort by time and fit into a file name", async () => {
    const library = await emptyLibrary();
    const first = library.newId();
    const second = library.newId();
    assert.ok(first < second, `${first} < ${second}`);
    assert.match(first, /^[0-9a-f-]{20,}$/);
  });

  it("loses one picture, not the others, to a broken record or a file that was deleted", async () => {
    const library = await emptyLibrary();
    for (const id of ["1", "2", "3", "4"]) await addPicture(library, id);
    writeFileSync(join(library.folder, "2.json"), "{");
    writeFileSync(join(library.folder, "3.json"), '{"version":1,"id":"../../3"}');
    rmSync(library.pathOf("4"));
    assert.deepEqual(
      (await library.list(10)).map(({ id }) => id),
      ["1"],
    );
  });

  it("keeps nothing half-written and forgets what it is told to", async () => {
    const library = await emptyLibrary();
    await addPicture(library, "1");
    assert.deepEqual(readdirSync(library.folder).sort(), ["1.json", "1.png"]);
    await library.forget("1");
    assert.deepEqual(await library.list(10), []);
    const gone = new PictureLibrary(join(root, "gone"));
    await assert.rejects(gone.add({ id: "1", form: formOf(), modelName: "m", seconds: 1, notices: [] }), /ENOENT/);
  });
});
