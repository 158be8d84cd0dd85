import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parameterRows } from "../../../extension/pictures/parameter-rows";
import type { ImageParameters } from "../../../sidecar/protocol";

const FOX: ImageParameters = {
  prompt: "一只红狐 🦊",
  negativePrompt: "",
  seed: "9007199254740993",
  width: 512,
  height: 256,
  steps: 20,
  guidanceScale: 4.5,
  scheduler: "flow-dpm-solver",
  model: "sana",
  modelHash: "abc",
  precision: "int8",
  humanInstruction: true,
  maxSequenceLength: 300,
  resolutionBinning: true,
  vaeTiling: "auto",
  latentsSha256: null,
  strength: null,
  sourceImageSha256: null,
  programVersion: "0.1.0",
};

describe("the parameters of a picture", () => {
  it("are listed exactly, without what does not apply", () => {
    const rows = parameterRows(FOX);
    assert.deepEqual(rows[0], { name: "prompt", value: "一只红狐 🦊" });
    assert.deepEqual(rows[1], { name: "seed", value: "9007199254740993" });
    const names = rows.map(({ name }) => name);
    for (const name of ["negativePrompt", "strength", "latentsSha256"] as const) assert.ok(!names.includes(name), name);
  });

  it("include what an image-to-image picture started from", () => {
    const rows = parameterRows({ ...FOX, seed: null, negativePrompt: "text", strength: 0.6, sourceImageSha256: "ff" });
    const byName = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
    assert.equal(byName["strength"], "0.6");
    assert.equal(byName["sourceImageSha256"], "ff");
    assert.equal(byName["negativePrompt"], "text");
    assert.ok(!("seed" in byName));
  });
});
