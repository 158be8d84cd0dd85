import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pictureLink } from "../../../sidecar/agents/picture-link";

describe("the Markdown link of a picture", () => {
  it("encodes the path and escapes the words", () => {
    assert.equal(
      pictureLink("images/a fox (1).png", "a [red] fox"),
      "![a \\[red\\] fox](images/a%20fox%20%281%29.png)",
    );
    assert.equal(pictureLink("图/狐.png", "一只\n红狐 🦊"), "![一只 红狐 🦊](%E5%9B%BE/%E7%8B%90.png)");
  });
});
