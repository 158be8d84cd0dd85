import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { openSafetensors, readTensor, serializeSafetensors } from "../../sidecar/checkpoint/safetensors";
import { WITHOUT_GPU } from "./fixtures";
import { runCli } from "./run-cli";

const EXPECTED = "test/golden/bundled/expected.safetensors";

/** What test/golden/make_bundled_golden.py asked diffusers for, with models/ widened to float32. */
const cases = JSON.parse(readFileSync("test/golden/bundled/cases.json", "utf8")) as {
  readonly steps: readonly number[];
  readonly sprint_steps: readonly number[];
  readonly guidance_scale: number;
  readonly sample_stride: number;
  readonly prompts: Readonly<Record<string, string>>;
};

// Relative L2. Both sides compute in float32 in another order; the tiny checkpoints of parity.test.ts stay below 1e-5.
const EMBEDDING_TOLERANCE = 2e-5;
// Some prompts amplify rounding: a change of the noise by 1e-6 moves what diffusers itself gives for the Chinese one by
// up to 1.3e-4, for the English one by 3e-6. A wrong step, mask or weight is off by 1e-2 and more.
const LATENTS_TOLERANCE = 5e-4;

const scratch = mkdtempSync(join(tmpdir(), "sana-bundled-"));
after(() => {
  rmSync(scratch, { recursive: true });
});

async function tensor(file: string, name: string): Promise<Float32Array> {
  const stored = (await openSafetensors(file)).tensors.get(name);
  assert.ok(stored, `${file} has no tensor ${name}`);
  return readTensor(stored);
}

const expected = (name: string): Promise<Float32Array> => tensor(EXPECTED, name);

function relativeDistance(found: Float32Array, reference: Float32Array): number {
  assert.equal(found.length, reference.length);
  let [difference, norm] = [0, 0];
  reference.forEach((value, i) => {
    difference += (found[i]! - value) ** 2;
    norm += value ** 2;
  });
  return Math.sqrt(difference / norm);
}

async function run(args: readonly string[]): Promise<void> {
  const { code, stderr } = await runCli(args, { env: WITHOUT_GPU });
  assert.equal(code, 0, stderr);
}

/** Draws a prompt of the cases from the common noise, in float32; answers where its latents are. */
async function drawnLatents(options: readonly string[], name: string, steps: number): Promise<string> {
  const file = join(scratch, `${name}-${steps}.safetensors`);
  const sampling = ["--steps", String(steps), "--guidance-scale", String(cases.guidance_scale)];
  const files = ["--latents", await noiseFile(), "--save-latents", file, "--output", join(scratch, "drawn.png")];
  const prompt = ["--prompt", cases.prompts[name]!];
  await run(["generate", ...options, "--precision", "fp32", ...prompt, ...sampling, ...files, "--overwrite"]);
  return file;
}

describe("the bundled quality model, widened to float32, gives what diffusers gives", () => {
  for (const [name, prompt] of Object.entries(cases.prompts)) {
    it(`reads the prompt "${prompt}"`, async () => {
      const file = join(scratch, `${name}-embeds.safetensors`);
      await run(["embed", "--precision", "fp32", "--prompt", prompt, "--output", file]);
      const reference = await expected(`${name}.prompt_embeds`);
      const rows = (await tensor(file, "prompt_embeds")).subarray(0, reference.length);
      assert.ok(relativeDistance(rows, reference) <= EMBEDDING_TOLERANCE);
    });
  }

  for (const steps of cases.steps) {
    for (const name of steps > 10 ? ["english"] : Object.keys(cases.prompts)) {
      it(`draws "${cases.prompts[name]!}" in ${steps} steps`, async () => {
        const file = await drawnLatents(["--quality"], name, steps);
        const latents = await tensor(file, "latents");
        assert.ok(relativeDistance(latents, await expected(`${name}.latents.${steps}`)) <= LATENTS_TOLERANCE);
        const pixels = join(scratch, `${name}-${steps}-pixels.safetensors`);
        const outputs = ["--output", join(scratch, "decoded.png"), "--save-image-tensor", pixels, "--overwrite"];
        await run(["decode", "--precision", "fp32", "--latents", file, ...outputs]);
        const sampled = (await tensor(pixels, "image")).filter((_, i) => i % cases.sample_stride === 0);
        assert.ok(relativeDistance(sampled, await expected(`${name}.image.${steps}`)) <= LATENTS_TOLERANCE);
      });
    }
  }
});

describe("the bundled fast model, widened to float32, gives what SanaSprintPipeline gives", () => {
  for (const steps of cases.sprint_steps) {
    for (const name of steps === 2 ? Object.keys(cases.prompts) : ["english"]) {
      it(`draws "${cases.prompts[name]!}" in ${steps} steps`, async () => {
        const latents = await tensor(await drawnLatents([], name, steps), "latents");
        const distance = relativeDistance(latents, await expected(`sprint.${name}.latents.${steps}`));
        assert.ok(distance <= LATENTS_TOLERANCE, String(distance));
      });
    }
  }
});

/** The noise that both sides start from and that the distilled model adds between its steps, in a file of its own. */
async function noiseFile(): Promise<string> {
  const path = join(scratch, "noise.safetensors");
  const { tensors } = await openSafetensors(EXPECTED);
  const noise = async (name: string) => {
    const stored = tensors.get(name)!;
    return { dtype: "F32" as const, shape: stored.shape, data: await readTensor(stored) };
  };
  writeFileSync(path, serializeSafetensors({ latents: await noise("latents"), step_noise: await noise("step_noise") }));
  return path;
}
