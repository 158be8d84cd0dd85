import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withStyle } from "../../../extension/panel/prompt-styles";

describe("styles", () => {
  it("add their words in the language of the prompt", () => {
    assert.equal(withStyle("a red fox ", "pixel"), "a red fox, pixel art");
    assert.equal(withStyle("一只红狐 🦊", "pixel"), "一只红狐 🦊，像素风格");
    assert.equal(withStyle("ein roter Fuchs", "sticker"), "ein roter Fuchs, sticker with a white border");
    assert.equal(withStyle("赤い狐", "sketch"), "赤い狐, pencil sketch");
    assert.equal(withStyle("🚀", "3d"), "🚀, 3d render");
  });

  it("leave the prompt alone without one, and for one that is not known", () => {
    assert.equal(withStyle("a red fox ", null), "a red fox ");
    assert.equal(withStyle("a red fox", "baroque"), "a red fox");
  });
});
