import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readGenerationDefaults, type GenerationDefaults } from "../../../sidecar/checkpoint/generation-defaults";
import { assertRefused, temporaryFolder, writeFiles } from "./checkpoint-files";

const folder = temporaryFolder();

function read(content: unknown): Promise<GenerationDefaults> {
  writeFiles(folder, { "generation_defaults.json": content });
  return readGenerationDefaults({ folder });
}

const REFERENCE = {
  complexHumanInstruction: true,
  spelledWords: false,
  maxSequenceLength: 300,
  resolutionBinning: true,
  sizes: [],
};

describe("readGenerationDefaults", () => {
  it("gives the reference's defaults where the file or a key is absent", async () => {
    assert.deepStrictEqual(await readGenerationDefaults({ folder: temporaryFolder() }), REFERENCE);
    assert.deepStrictEqual(await read({}), REFERENCE);
  });

  it("reads every key", async () => {
    const defaults = {
      width: 512,
      height: 768,
      numInferenceSteps: 12,
      guidanceScale: 3.5,
      strength: 0.7,
      complexHumanInstruction: false,
      spelledWords: true,
      maxSequenceLength: 32,
      resolutionBinning: false,
      sizes: [
        [512, 512],
        [256, 256],
      ],
    };
    assert.deepStrictEqual(await read(defaults), defaults);
  });

  it("refuses unknown keys and values out of range, naming them", async () => {
    const cases: [unknown, RegExp][] = [
      [{ steps: 20 }, /the key "steps" is unknown/],
      [{ ["x".repeat(1e6)]: 20 }, /the key "x+" is unknown/],
      [{ width: 0 }, /"width" is 0; it must be a whole number from 1 to 8192/],
      [{ height: 512.5 }, /"height" is 512.5/],
      [{ width: null }, /"width" is null/],
      [{ numInferenceSteps: 1001 }, /"numInferenceSteps" is 1001/],
      ['{"guidanceScale": NaN}', /"guidanceScale" is NaN/],
      ['{"guidanceScale": Infinity}', /"guidanceScale" is Infinity/],
      [{ strength: 0 }, /"strength" is 0/],
      [{ strength: 1.1 }, /"strength" is 1.1/],
      [{ complexHumanInstruction: "no" }, /"complexHumanInstruction" is "no"; it must be true or false/],
      [{ spelledWords: 1 }, /"spelledWords" is 1; it must be true or false/],
      [{ maxSequenceLength: 0 }, /"maxSequenceLength" is 0/],
      [{ cpuPrecision: "fp16" }, /"cpuPrecision" is "fp16"; it must be fp32, int8 or int4/],
      [{ sizes: 512 }, /"sizes" is 512/],
      [{ sizes: [512, 512] }, /"sizes.0" is 512/],
      [{ sizes: [[512, 0]] }, /"sizes.0.1" is 0/],
      [{ sizes: [[512, 512, 512]] }, /"sizes.0/],
      [{ sizes: [[512]] }, /"sizes.0/],
      [[], /it must hold a JSON object/],
      ["{", /is not valid JSON/],
    ];
    for (const [content, pattern] of cases) {
      await assertRefused(read(content), "invalid-checkpoint", /generation_defaults\.json/, pattern);
    }
  });
});
