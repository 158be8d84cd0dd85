import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { HostMessage, PageMessage, parseMessage, withModel } from "../../extension/panel/panel-messages";
import { formOf, jobOf, pictureOf } from "./samples";

describe("messages between page and extension", () => {
  it("go through as they are", () => {
    const form = formOf({
      prompt: "一只红狐 🦊 ثعلب",
      startImage: { path: "/a b.png", name: "a b.png", strength: 0.4 },
    });
    for (const message of [
      { type: "ready", form: null },
      { type: "generate", form },
      { type: "followForm", form },
      { type: "setLive", live: true },
      { type: "cancel", jobs: ["20260101-ab"] },
      { type: "picture", id: "1", action: "delete" },
    ]) {
      assert.deepEqual(parseMessage(PageMessage, message), message);
    }
    for (const message of [
      {
        type: "init",
        form,
        styles: [{ id: "3d", label: "3D" }],
        liveMode: "auto",
        jobs: [jobOf("1")],
        pictures: [pictureOf("2")],
      },
      { type: "live", png: "iVBORw0KGgo=", finished: true },
      { type: "liveFailed", error: "no memory" },
      { type: "liveMode", mode: "off" },
      { type: "preview", job: "1", png: "iVBORw0KGgo=" },
      { type: "edit", form: { prompt: "p" } },
    ]) {
      assert.deepEqual(parseMessage(HostMessage, message), message);
    }
  });

  it("say which model a form meant that was stored when there was one bundled model", () => {
    const modelOf = (model: string | null, setting: string | null) => withModel(formOf({ model }), setting).model;
    assert.equal(modelOf(null, null), "quality");
    assert.equal(modelOf(null, "/my/model"), "usual");
    assert.equal(modelOf("usual", null), "usual");
    assert.equal(modelOf("/my/model", null), "/my/model");
  });

  const refused: readonly [string, unknown][] = [
    ["nothing", undefined],
    ["a text", "generate"],
    ["an unknown type", { type: "run", command: "rm" }],
    ["a form with a key too many", { type: "generate", form: { ...formOf(), output: "/etc/passwd" } }],
    ["a form without a prompt", { type: "generate", form: { ...formOf(), prompt: undefined } }],
    ["a prompt without end", { type: "generate", form: formOf({ prompt: "x".repeat(10_001) }) }],
    ["a count without end", { type: "generate", form: formOf({ count: 1e6 }) }],
    ["half a pixel", { type: "generate", form: formOf({ width: 512.5 }) }],
    ["a seed that is no number", { type: "generate", form: formOf({ seed: "-1" }) }],
    ["a strength of 0", { type: "generate", form: formOf({ startImage: { path: "/a", name: "a", strength: 0 } }) }],
    ["not a number", { type: "generate", form: formOf({ guidanceScale: Number.NaN }) }],
    ["an ID that is a path", { type: "picture", id: "../../settings", action: "delete" }],
    ["an action that is not offered", { type: "picture", id: "1", action: "run" }],
    ["what the extension says", { type: "jobs", jobs: [] }],
  ];
  for (const [what, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.equal(parseMessage(PageMessage, message), null);
    });
  }

  it("refuses a preview that is not base64", () => {
    assert.equal(parseMessage(HostMessage, { type: "preview", job: "1", png: '"><script>' }), null);
  });
});
