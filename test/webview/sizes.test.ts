import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { sizeOf, sizePresets, sizeProblem } from "../../webview/sizes";
import { formOf, MODEL } from "./samples";

describe("sizes", () => {
  it("offers what the model was trained for, its own size first and once", () => {
    assert.deepEqual(sizePresets(MODEL), MODEL.sizes);
    const wide = { ...MODEL, defaults: { ...MODEL.defaults, width: 640, height: 384 } };
    assert.deepEqual(sizePresets(wide)[0], [640, 384]);
    assert.equal(sizePresets(wide).length, 3);
  });

  it("offers common shapes of the same area where the model does not say, all of them allowed", () => {
    const official = { ...MODEL, sizes: [], defaults: { ...MODEL.defaults, width: 1024, height: 1024 } };
    const presets = sizePresets(official);
    assert.deepEqual(presets, [
      [1024, 1024],
      [1184, 896],
      [896, 1184],
      [1376, 768],
      [768, 1376],
    ]);
    for (const size of presets) assert.equal(sizeProblem(size, official), null);
  });

  it("takes the model's size for what is not set", () => {
    assert.deepEqual(sizeOf(formOf({ width: 640 }), MODEL), [640, 512]);
  });

  it("names what a model does not allow", () => {
    assert.deepEqual(sizeProblem([500, 512], MODEL), { kind: "multiple", multiple: 32 });
    assert.equal(sizeProblem([500, 512], { ...MODEL, anySize: true }), null);
    assert.deepEqual(sizeProblem([512, 8224], MODEL), { kind: "maxSide", maxSide: 8192 });
  });
});
