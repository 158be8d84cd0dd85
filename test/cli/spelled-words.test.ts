import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { bytesOf, jsonOf, run } from "./calls";
import { TINY_JOB, withWorkplace, type Workplace } from "./fixtures";
import { MODEL } from "./writers";

const PROMPT = 'A sign that says "Open"';
const SPELLED = 'a sign that says "①o②p③e④n"';

/** Makes the workplace's checkpoint one whose words are spelled out. The goldens' own one, `MODEL`, is not. */
function askForSpelledWords(place: Workplace): string[] {
  writeFileSync(join(place.checkpoint, "generation_defaults.json"), '{"spelledWords": true}');
  return ["--model", place.checkpoint];
}

describe("words in quotes", { concurrency: 2 }, () => {
  it("are spelled out by embed for a checkpoint that asks for it, and for no other", () =>
    withWorkplace(async (place) => {
      const spelling = askForSpelledWords(place);
      await run(place, ["embed", ...spelling, "--prompt", PROMPT, "--output", "asked"]);
      await run(place, ["embed", ...MODEL, "--prompt", SPELLED, "--output", "by-hand"]);
      await run(place, ["embed", ...MODEL, "--prompt", PROMPT, "--output", "not-asked"]);
      assert.ok(bytesOf(place, "asked").equals(bytesOf(place, "by-hand")));
      assert.ok(!bytesOf(place, "asked").equals(bytesOf(place, "not-asked")));
    }));

  it("are spelled out by tokenize where it is given such a checkpoint", () =>
    withWorkplace(async (place) => {
      const idsOf = async (model: readonly string[], text: string): Promise<unknown> =>
        jsonOf(await run(place, ["tokenize", ...model, "--text", text, "--json"]))["ids"];
      const spelled = await idsOf(MODEL, SPELLED);
      assert.notDeepEqual(await idsOf(MODEL, PROMPT), spelled);
      assert.deepEqual(await idsOf(askForSpelledWords(place), PROMPT), spelled);
      // The bundled models have no instruction, so that only the spelling differs from the raw text.
      assert.deepEqual(await idsOf(["--model", "quality"], PROMPT), await idsOf([], SPELLED));
    }));

  it("are spelled out by generate in both prompts, and kept in the picture as they were written", () =>
    withWorkplace(async (place) => {
      const spelling = askForSpelledWords(place);
      const draw = (model: readonly string[], prompt: string, negative: string, output: string) => {
        const prompts = ["--prompt", prompt, "--negative-prompt", negative, "--save-latents", output];
        const picture = ["--seed", "1", "--output", `${output}.png`];
        return run(place, ["generate", ...model, ...TINY_JOB, ...prompts, ...picture]);
      };
      await draw(spelling, PROMPT, "‘NO’", "asked");
      await draw(MODEL, SPELLED, '"①n②o"', "by-hand");
      await draw(MODEL, SPELLED, "‘no’", "negative-not-asked");
      assert.ok(bytesOf(place, "asked").equals(bytesOf(place, "by-hand")));
      assert.ok(!bytesOf(place, "asked").equals(bytesOf(place, "negative-not-asked")));
      const record = jsonOf(await run(place, ["inspect", "asked.png", "--json"]));
      assert.deepEqual([record["prompt"], record["negativePrompt"]], [PROMPT, "‘NO’"]);
    }));
});
