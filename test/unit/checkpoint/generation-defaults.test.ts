import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readGenerationDefaults, type GenerationDefaults } from "../../../sidecar/checkpoint/generation-defaults";
import { assertRefused, temporaryFolder, writeFiles } from "./checkpoint-files";

const folder = temporaryFolder();

function read(
  content: unknown,
  pipeline: "SanaPipeline" | "SanaSprintPipeline" = "SanaSprintPipeline",
): Promise<GenerationDefaults> {
  writeFiles(folder, { "generation_defaults.json": content });
  return readGenerationDefaults({ folder, pipeline });
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
    const nothing = { folder: temporaryFolder(), pipeline: "SanaPipeline" } as const;
    assert.deepStrictEqual(await readGenerationDefaults(nothing), REFERENCE);
    assert.deepStrictEqual(await read({}), REFERENCE);
  });

  it("reads every key", async () => {
    const defaults = {
      width: 512,
      height: 768,
      numInferenceSteps: 12,
      guidanceScale: 3.5,
      timesteps: { 1: [1.5708], 4: [1.5708, 1.3, 1.1, 0.6] },
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
      [{ timesteps: [1.5708] }, /"timesteps/],
      [{ timesteps: 2 }, /"timesteps" is 2; it must be an object from numbers of steps to lists of angles/],
      ...["0", "03", "1001", "1.5", "two", ""].map((steps): [unknown, RegExp] => [
        { timesteps: { [steps]: [1.5708] } },
        /"timesteps.*it must be a number of steps from 1 to 1000/,
      ]),
      [{ timesteps: { 1: 1.5708 } }, /"timesteps.1" is 1.5708; it must be a list of angles/],
      [{ timesteps: { 1: [0] } }, /"timesteps.1.0" is 0; it must be a number above 0, at most 1.5708/],
      [{ timesteps: { 1: [1.571] } }, /"timesteps.1.0" is 1.571/],
      [{ timesteps: { 1: ["1.5708"] } }, /"timesteps.1.0" is "1.5708"/],
      [{ timesteps: { 2: [1.5708, 1.3, 0] } }, /"timesteps.2.2" is 0/],
      [{ timesteps: { 2: [1.5708] } }, /"timesteps.2" is a list of 1; it must be a list of 2/],
      [{ timesteps: { 2: [1.5708, 1.3], 1: [1.5708, 1.3] } }, /"timesteps.1" is a list of 2; it must be a list of 1/],
      [{ timesteps: { 2: [1.3, 1.3] } }, /"timesteps.2" .* each angle less than the one before/],
      [{ timesteps: { 3: [1.3, 0.8, 0.9] } }, /"timesteps.3" .* each angle less than the one before/],
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

  it("refuses angles for a pipeline whose times are none", async () => {
    const refused = read({ timesteps: { 1: [1.5708] } }, "SanaPipeline");
    await assertRefused(
      refused,
      "invalid-checkpoint",
      /"timesteps" is an object; it must be left out for SanaPipeline/,
    );
  });
});
