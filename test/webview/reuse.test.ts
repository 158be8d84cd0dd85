import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { REUSE, variationsOf } from "../../webview/reuse";
import { pictureOf } from "./samples";

const picture = pictureOf("1", { seed: "42", style: "pixel", negativePrompt: "blur", count: 3 });

describe("using a picture's parameters again", () => {
  it("takes everything, so that the same picture is made again", () => {
    assert.deepEqual(REUSE.all(picture), { ...picture.form, count: 1, seedLocked: true });
  });

  it("takes the seed alone and keeps it", () => {
    assert.deepEqual(REUSE.seed(picture), { seed: "42", seedLocked: true });
  });

  it("takes everything but the seed", () => {
    const { seed, seedLocked, ...rest } = REUSE.remix(picture);
    assert.deepEqual({ ...rest, seed: "42", seedLocked: true }, REUSE.all(picture));
    assert.equal(seedLocked, false);
    assert.match(seed!, /^[0-9]{1,10}$/);
  });

  it("starts variations from the picture, in its size", () => {
    const form = variationsOf(picture);
    assert.equal(form.startImage?.path, picture.path);
    assert.ok(form.startImage.strength! < 1, "something of the picture is left");
    assert.deepEqual([form.width, form.height], [640, 384]);
    assert.ok(form.count > 1);
  });
});
