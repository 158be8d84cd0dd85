import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createScm } from "../../../sidecar/scheduler/scm";
import { assertRelativeL2, createNumbers, decodeFloats, readCases } from "./golden-arrays";

interface Case {
  steps: number;
  sigmaData: number;
  /** Given to the scheduler in place of its own schedule. */
  angles?: number[];
  timesteps: string;
  latents: string;
  denoised: string;
}

describe("createScm", () => {
  for (const golden of readCases<Case>("scm")) {
    const { steps, sigmaData, angles } = golden;
    const schedule = angles === undefined ? `${steps} steps` : `the angles ${angles.join(", ")}`;
    it(`equals diffusers: ${schedule}, sigma_data ${sigmaData}`, () => {
      const scheduler = createScm({ numInferenceSteps: steps, sigmaData, angles });
      const timesteps = decodeFloats(golden.timesteps);
      assert.equal(scheduler.timesteps.length, timesteps.length);
      // Long schedules of the reference depend on the processor's vector width in their last bit, here 2^-23.
      scheduler.timesteps.forEach((angle, i) => {
        assert.ok(Math.abs(angle - timesteps[i]!) <= 2 ** -23);
      });

      const expected = decodeFloats(golden.denoised);
      const draw = createNumbers(expected.length);
      let latents = draw();
      let denoised = latents;
      for (let k = 0; k < steps; k += 1) {
        const velocity = draw();
        ({ latents, denoised } = scheduler.step(velocity, latents, { stepIndex: k, noise: draw() }));
      }
      // The reference's float32 sine and cosine are off by one rounding for some angles.
      assertRelativeL2(denoised, expected, 1e-6);
      assertRelativeL2(latents, decodeFloats(golden.latents), 1e-6);
    });
  }

  it("starts above π/2 and goes through 1.3 with two steps only", () => {
    assert.deepEqual(createScm({ numInferenceSteps: 1, sigmaData: 0.5 }).timesteps, Float32Array.of(1.5708, 0));
    assert.deepEqual(createScm({ numInferenceSteps: 2, sigmaData: 0.5 }).timesteps, Float32Array.of(1.5708, 1.3, 0));
    assert.deepEqual(
      createScm({ numInferenceSteps: 4, sigmaData: 0.5 }).timesteps,
      Float32Array.of(1.5708, 1.1781, 0.7854, 0.3927, 0),
    );
  });

  it("arrives at the clean latents from an exact velocity, whatever the noise", () => {
    const scheduler = createScm({ numInferenceSteps: 2, sigmaData: 0.5 });
    const draw = createNumbers(8);
    const [clean, noise] = [draw(), draw()];
    const angle = scheduler.timesteps[1]!;
    const latents = clean.map((value, i) => Math.cos(angle) * value + Math.sin(angle) * noise[i]!);
    const velocity = clean.map((value, i) => Math.cos(angle) * noise[i]! - Math.sin(angle) * value);
    const result = scheduler.step(velocity, latents, { stepIndex: 1, noise: draw() });
    // A handful of float32 roundings.
    assertRelativeL2(result.denoised, clean, 3e-7);
    assert.deepEqual(result.latents, result.denoised);
  });
});
