import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { openSafetensors, readTensor } from "../../sidecar/checkpoint/safetensors";
import { TINY_JOB, withWorkplace, type Workplace } from "./fixtures";
import { runCli } from "./run-cli";

/** The final latents of one tiny picture, and what was said on stderr. */
async function latentsOf(place: Workplace, precision: string): Promise<{ latents: Float32Array; stderr: string }> {
  const file = join(place.out, `${precision}.safetensors`);
  const output = ["--output", join(place.out, `${precision}.png`), "--save-latents", file, "--overwrite"];
  const args = ["generate", "a fox", "--model", place.checkpoint, "--seed", "1", "--precision", precision];
  const { code, stderr } = await runCli([...args, ...TINY_JOB, ...output], { env: place.env });
  assert.equal(code, 0, stderr);
  return { latents: await readTensor((await openSafetensors(file)).tensors.get("latents")!), stderr };
}

function relativeDistance(found: Float32Array, reference: Float32Array): number {
  const difference = Math.hypot(...found.map((value, i) => value - reference[i]!));
  return difference / Math.hypot(...reference);
}

describe("--precision int8 and int4", () => {
  it("give about the picture of float32, from weights that are quantised once", () =>
    withWorkplace(async (place) => {
      const { latents: reference } = await latentsOf(place, "fp32");
      for (const precision of ["int8", "int4"]) {
        const { latents, stderr } = await latentsOf(place, precision);
        const distance = relativeDistance(latents, reference);
        // Rows of 48 numbers average little of the rounding out: 0.02 was measured for 8 bits, 0.23 for 4, whose steps
        // are 16 times as large.
        const limit = precision === "int8" ? 0.04 : 0.4;
        assert.ok(distance > 1e-6 && distance < limit, `${precision}: ${distance}`);
        assert.match(stderr, /converting the text encoder .*once\n.*kept \d/);
        const again = await latentsOf(place, precision);
        assert.doesNotMatch(again.stderr, /converting/);
        assert.deepEqual(again.latents, latents);
      }
      const kept = readdirSync(join(place.env["XDG_CACHE_HOME"]!, "sana-vscode", "quantized"));
      assert.equal(kept.filter((name) => name.endsWith(".safetensors")).length, 3, kept.join(", "));
    }));

  it("auto is float32 where the checkpoint does not say otherwise", () =>
    withWorkplace(async (place) => {
      assert.deepEqual((await latentsOf(place, "auto")).latents, (await latentsOf(place, "fp32")).latents);
    }));
});
