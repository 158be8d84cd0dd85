import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createFlowMatchEuler } from "../../../sidecar/scheduler/flow-match-euler";
import { assertRelativeL2, createNumbers, decodeFloats, readCases, type FlowCase } from "./golden-arrays";

describe("createFlowMatchEuler", () => {
  for (const golden of readCases<FlowCase>("flow-match-euler")) {
    const { shift, trainTimesteps, steps, start } = golden;
    it(`equals diffusers: shift ${shift}, ${trainTimesteps} levels, ${steps} steps from ${start}`, () => {
      const scheduler = createFlowMatchEuler({ numInferenceSteps: steps, shift, numTrainTimesteps: trainTimesteps });
      assert.deepEqual(scheduler.sigmas, decodeFloats(golden.sigmas));
      assert.deepEqual(scheduler.timesteps, [...decodeFloats(golden.timesteps)]);

      const expected = decodeFloats(golden.latents);
      const draw = createNumbers(expected.length);
      let latents = draw();
      for (let k = start; k < steps; k += 1) latents = scheduler.step(draw(), latents, k);
      // Every operation is rounded as the reference rounds it.
      assert.deepEqual(latents, expected);
    });
  }

  it("has the published schedule of 20 steps", () => {
    const { sigmas } = createFlowMatchEuler({ numInferenceSteps: 20, shift: 3, numTrainTimesteps: 1000 });
    // Written with seven digits.
    for (const [index, value] of [
      [0, 1],
      [1, 0.9818746],
      [18, 0.1497872],
      [19, 0.0089286],
      [20, 0],
    ] as const) {
      assert.ok(Math.abs(sigmas[index]! - value) <= 6e-8, `sigma ${index} is ${sigmas[index]!}`);
    }
  });

  it("predicts the clean latents at the end of the velocity's line", () => {
    const scheduler = createFlowMatchEuler({ numInferenceSteps: 4, shift: 1, numTrainTimesteps: 1000 });
    const draw = createNumbers(8);
    const [latents, velocity] = [draw(), draw()];
    const expected = latents.map((value, i) => value - scheduler.sigmas[2]! * velocity[i]!);
    // The product is rounded once more in the scheduler than here.
    assertRelativeL2(scheduler.predictClean(velocity, latents, 2), expected, 1e-7);
  });
});
