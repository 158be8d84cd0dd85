import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SanaError } from "../../../sidecar/errors";
import {
  parametersToJson,
  readParameters,
  writeParameters,
  type GenerationParameters,
} from "../../../sidecar/image/generation-parameters";
import { decodePng } from "../../../sidecar/image/png-decoder";
import { encodePng } from "../../../sidecar/image/png-encoder";
import { writeInternationalText } from "../../../sidecar/image/png-text";
import { testPicture } from "./goldens";

const PNG = encodePng(testPicture(3, 2));
const HASH = "0123456789abcdef".repeat(4);

const PARAMETERS: GenerationParameters = {
  prompt: "a red fox 🦊",
  negativePrompt: "",
  seed: 42n,
  width: 512,
  height: 768,
  steps: 20,
  guidanceScale: 4.5,
  scheduler: "flow-dpm-solver",
  model: "sana-tiny",
  modelHash: HASH,
  precision: "fp32",
  humanInstruction: true,
  maxSequenceLength: 300,
  resolutionBinning: true,
  vaeTiling: "auto",
  programVersion: "0.1.0",
};

describe("generation parameters in a PNG", () => {
  it("come back with the picture unchanged", () => {
    const png = writeParameters(PNG, PARAMETERS);
    assert.deepEqual(readParameters(png, "fox.png"), PARAMETERS);
    assert.deepEqual(decodePng(png, "fox.png"), testPicture(3, 2));
  });

  it("come back for image-to-image and for noise from a file", () => {
    const parameters = { ...PARAMETERS, latentsSha256: HASH, strength: 0.6, sourceImageSha256: HASH };
    delete parameters.seed;
    assert.deepEqual(readParameters(writeParameters(PNG, parameters), "fox.png"), parameters);
  });

  for (const prompt of [
    "",
    "一只红色的狐狸，坐在雪地里",
    "👨‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿 👍🏽 🇨🇳",
    "line one\nline two\r\n\ttabbed",
    "\u0000\u0001\u001b[31m\u007f\u0085\u2028\ufeff",
    'quotes " and \\ and </script>',
    "lone \ud83e surrogates \udd8a",
    "عربي עברית ไทย हिन्दी",
    "x".repeat(100_000),
  ]) {
    it(`keep the prompt exactly: ${JSON.stringify(prompt.slice(0, 30))}`, () => {
      const png = writeParameters(PNG, { ...PARAMETERS, prompt, negativePrompt: prompt });
      const parameters = readParameters(png, "fox.png");
      assert.equal(parameters?.prompt, prompt);
      assert.equal(parameters.negativePrompt, prompt);
    });
  }

  for (const [seed, json] of [
    [0n, 0],
    [2n ** 53n - 1n, 2 ** 53 - 1],
    [2n ** 53n, "9007199254740992"],
    [2n ** 63n - 1n, "9223372036854775807"],
  ] as const) {
    it(`keep the seed ${seed} exactly`, () => {
      assert.equal(parametersToJson({ ...PARAMETERS, seed })["seed"], json);
      assert.equal(readParameters(writeParameters(PNG, { ...PARAMETERS, seed }), "fox.png")?.seed, seed);
    });
  }

  it("give the same bytes whatever the order of the keys", () => {
    const reversed = Object.fromEntries(Object.entries(PARAMETERS).reverse()) as unknown as GenerationParameters;
    assert.deepEqual(writeParameters(PNG, reversed), writeParameters(PNG, PARAMETERS));
  });

  it("are undefined in a PNG without them", () => {
    assert.equal(readParameters(PNG, "fox.png"), undefined);
  });

  for (const [text, message] of [
    ["{", /not JSON/],
    ["[".repeat(1_000_000), /not JSON/],
    ["null", /the whole/],
    [jsonWith({ steps: "20" }), /at steps/],
    [jsonWith({ steps: 0 }), /at steps/],
    [jsonWith({ prompt: 7 }), /at prompt/],
    [jsonWith({ seed: -1 }), /at seed/],
    [jsonWith({ seed: 1.5 }), /at seed/],
    [jsonWith({ seed: "9223372036854775808" }), /at seed/],
    [jsonWith({ seed: "0x10" }), /at seed/],
    [jsonWith({ modelHash: "short" }), /at modelHash/],
    [jsonWith({ guidanceScale: null }), /at guidanceScale/],
  ] as const) {
    it(`are refused when they are ${text.slice(0, 20)}… ${message.source}`, () => {
      assert.throws(
        () => readParameters(writeInternationalText(PNG, "sana:parameters", text), "fox.png"),
        (error) =>
          error instanceof SanaError &&
          error.code === "invalid-input-file" &&
          error.message.includes("fox.png") &&
          message.test(error.message),
      );
    });
  }

  it("hold only the keys that are known, whatever else the JSON has", () => {
    const text = jsonWith({ later: 1 }).replace("{", '{"__proto__":{"steps":1},');
    const parameters = readParameters(writeInternationalText(PNG, "sana:parameters", text), "fox.png");
    assert.deepEqual(parameters, PARAMETERS);
  });
});

function jsonWith(changes: Record<string, unknown>): string {
  return JSON.stringify({ ...parametersToJson(PARAMETERS), ...changes });
}
