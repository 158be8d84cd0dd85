import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fingerprintOf } from "../../sidecar/server/fingerprint";
import { assertRefused } from "./assert-refused";
import { goldenCheckpoint, withWorkplace, type Workplace } from "./fixtures";
import { runCli } from "./run-cli";

const SHARED = ["text_encoder", "tokenizer", "vae"];
const WHOLE = goldenCheckpoint("sprint");

/** Gives `use` the golden Sprint checkpoint taken apart: what it shares lies in the folder above its own. */
async function withSplit(use: (place: Workplace, split: string) => Promise<void>): Promise<void> {
  await withWorkplace(
    async (place) => {
      const split = join(place.checkpoint, "distilled");
      mkdirSync(split);
      for (const name of ["scheduler", "transformer"]) renameSync(join(place.checkpoint, name), join(split, name));
      declare(split, SHARED);
      rmSync(join(place.checkpoint, "model_index.json"));
      await use(place, split);
    },
    { checkpoint: "sprint" },
  );
}

function declare(split: string, shared: unknown): void {
  const index = JSON.parse(readFileSync(join(WHOLE, "model_index.json"), "utf8")) as object;
  writeFileSync(join(split, "model_index.json"), JSON.stringify({ ...index, _sana_shared_components: shared }));
}

async function inspect(place: Workplace, model: string): Promise<Record<string, unknown>> {
  const result = await runCli(["inspect", model, "--json"], { env: place.env });
  assert.equal(result.code, 0, result.stderr);
  return JSON.parse(result.stdout) as Record<string, unknown>;
}

describe("a checkpoint that shares components with the folder above it", () => {
  it("makes the picture of the whole one, under the same hash", () =>
    withSplit(async (place, split) => {
      const pictures: Buffer[] = [];
      for (const model of [WHOLE, split]) {
        const output = join(place.out, `${pictures.length}.png`);
        const size = ["--width", "96", "--height", "96", "--no-resolution-binning"];
        const options = ["--steps", "2", "--seed", "3", "--no-metadata", "--output", output];
        const result = await runCli(["generate", "a fox", "--model", model, ...size, ...options], { env: place.env });
        assert.equal(result.code, 0, result.stderr);
        pictures.push(readFileSync(output));
      }
      assert.deepEqual(pictures[1], pictures[0]);
      const [one, other] = [await inspect(place, WHOLE), await inspect(place, split)];
      assert.match(String(one["modelHash"]), /^[0-9a-f]+$/);
      assert.deepEqual({ ...other, model: null }, { ...one, model: null });
    }));

  it("has another fingerprint when a shared file changes", () =>
    withSplit(async (place, split) => {
      const before = await fingerprintOf(split);
      assert.equal(await fingerprintOf(split), before);
      appendFileSync(join(place.checkpoint, "vae", "config.json"), " ");
      assert.notEqual(await fingerprintOf(split), before);
    }));

  it("is refused where it asks for more than the folder above may give", () =>
    withSplit(async (place, split) => {
      const cases: [unknown, RegExp][] = [
        [["../../../etc"], /"_sana_shared_components\.0" is "\.\.\/\.\.\/\.\.\/etc"; it must be "text_encoder" or/],
        [[place.checkpoint], /it must be "text_encoder" or/],
        [["transformer"], /"_sana_shared_components\.0" is "transformer"/],
        [["scheduler"], /"_sana_shared_components\.0" is "scheduler"/],
        [{ vae: place.checkpoint }, /"_sana_shared_components" is an object/],
        ["vae", /it must be a list of/],
        [["vae", "vae"], /a list without repetitions/],
        // What is not declared is not looked for above.
        [["vae", "tokenizer"], /distilled.text_encoder.config\.json does not exist/],
        [["text_encoder", "tokenizer"], /distilled.vae.config\.json does not exist/],
      ];
      for (const [shared, names] of cases) {
        declare(split, shared);
        await assertRefused(place, ["inspect", split], { names });
      }
      declare(split, SHARED);
      // One level up, not two.
      const deeper = join(place.checkpoint, "between", "distilled");
      cpSync(split, deeper, { recursive: true });
      await assertRefused(place, ["inspect", deeper], { names: /between.\w+.config\.json does not exist/ });
    }));
});
