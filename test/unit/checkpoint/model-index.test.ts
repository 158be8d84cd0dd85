import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseModelIndex } from "../../../sidecar/checkpoint/model-index";
import { assertRefused } from "./checkpoint-files";

const INDEX = {
  _class_name: "SanaPipeline",
  _diffusers_version: "0.42.1",
  scheduler: ["diffusers", "DPMSolverMultistepScheduler"],
  text_encoder: ["transformers", "Gemma2Model"],
  tokenizer: ["transformers", "GemmaTokenizerFast"],
  transformer: ["diffusers", "SanaTransformer2DModel"],
  vae: ["diffusers", "AutoencoderDC"],
};

const parse = (changes: object): unknown => parseModelIndex({ ...INDEX, ...changes }, "model_index.json");

describe("parseModelIndex", () => {
  it("reads the pipeline and the classes that may differ", () => {
    assert.deepStrictEqual(parse({}), {
      pipeline: "SanaPipeline",
      textEncoder: "Gemma2Model",
      scheduler: "DPMSolverMultistepScheduler",
      shared: [],
    });
    const sprint = { _class_name: "SanaSprintPipeline", scheduler: ["diffusers", "SCMScheduler"] };
    const expected = {
      pipeline: "SanaSprintPipeline",
      textEncoder: "Gemma2Model",
      scheduler: "SCMScheduler",
      shared: [],
    };
    assert.deepStrictEqual(parse(sprint), expected);
    assert.deepStrictEqual(parse({ ...sprint, _class_name: "SanaSprintImg2ImgPipeline" }), expected);
  });

  it("reads which components are shared", () => {
    const names = ["vae", "text_encoder", "tokenizer"];
    assert.deepStrictEqual((parse({ _sana_shared_components: names }) as { shared: string[] }).shared, names);
  });

  it("does not ask for the tokenizer's class", () => {
    assert.doesNotThrow(() => parse({ tokenizer: undefined }));
    assert.doesNotThrow(() => parse({ tokenizer: ["transformers", "SomethingElse"] }));
  });

  it("refuses other pipelines and components, naming what is allowed", async () => {
    const cases: [object, RegExp][] = [
      [
        { _class_name: "SanaControlNetPipeline" },
        /"_class_name" is "SanaControlNetPipeline"; it must be "SanaPipeline" or/,
      ],
      [{ _class_name: undefined }, /the key "_class_name" is missing/],
      [{ vae: undefined }, /the key "vae" is missing/],
      [{ vae: ["diffusers", "AutoencoderKL"] }, /"vae.1" is "AutoencoderKL"; it must be "AutoencoderDC"/],
      [{ vae: "AutoencoderDC" }, /"vae" is "AutoencoderDC"; it must be a list/],
      [{ transformer: [null, null] }, /"transformer.1" is null/],
      [{ text_encoder: ["transformers"] }, /the key "text_encoder.1" is missing/],
      [
        { text_encoder: ["transformers", "T5EncoderModel"] },
        /"text_encoder.1" is "T5EncoderModel"; .*"Gemma3TextModel"/,
      ],
      [{ _sana_shared_components: ["transformer"] }, /"_sana_shared_components.0" is "transformer"; .*"vae"/],
      [{ _sana_shared_components: ["../../vae"] }, /"_sana_shared_components.0" is "..\/..\/vae"/],
      [{ _sana_shared_components: { vae: "/etc" } }, /"_sana_shared_components" is an object; it must be a list of/],
      [{ _sana_shared_components: "vae" }, /"_sana_shared_components" is "vae"; it must be a list of/],
      [{ _sana_shared_components: null }, /"_sana_shared_components" is null; it must be a list of/],
      [{ _sana_shared_components: [["vae"]] }, /"_sana_shared_components.0" is a list of 1/],
      [{ _sana_shared_components: ["vae", "vae"] }, /must be a list without repetitions/],
      [{ scheduler: ["diffusers", "DDIMScheduler"] }, /"scheduler.1" is "DDIMScheduler"; .*"SCMScheduler"/],
    ];
    for (const [changes, pattern] of cases) {
      await assertRefused(() => parse(changes), "invalid-checkpoint", /^model_index\.json: /, pattern);
    }
  });
});
