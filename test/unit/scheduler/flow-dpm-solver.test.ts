import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createFlowDpmSolver } from "../../../sidecar/scheduler/flow-dpm-solver";
import { assertRelativeL2, createNumbers, decodeFloats, readCases, type FlowCase } from "./golden-arrays";

const OFFICIAL = { shift: 3, numTrainTimesteps: 1000, solverOrder: 2 } as const;

describe("createFlowDpmSolver", () => {
  for (const golden of readCases<FlowCase & { order: 1 | 2 }>("flow-dpm-solver")) {
    const { shift, order, trainTimesteps, steps, start } = golden;
    it(`equals diffusers: shift ${shift}, order ${order}, ${trainTimesteps} levels, ${steps} steps from ${start}`, () => {
      const solver = createFlowDpmSolver({
        numInferenceSteps: steps,
        shift,
        numTrainTimesteps: trainTimesteps,
        solverOrder: order,
      });
      assert.deepEqual(solver.sigmas, decodeFloats(golden.sigmas));
      assert.deepEqual(solver.timesteps, [...decodeFloats(golden.timesteps)]);

      const expected = decodeFloats(golden.latents);
      const draw = createNumbers(expected.length);
      let latents = draw();
      for (let k = start; k < steps; k += 1) latents = solver.step(draw(), latents, k);
      // The reference's float32 logarithm is off by one rounding for some values, and differs between processors.
      // Measured: up to 4e-7 for 50 steps, 1.1e-6 for 1000, where the steps in λ are shortest.
      assertRelativeL2(latents, expected, steps > 50 ? 2e-6 : 1e-6);
    });
  }

  it("has the published schedule of 20 steps", () => {
    const { sigmas, timesteps } = createFlowDpmSolver({ ...OFFICIAL, numInferenceSteps: 20 });
    assert.equal(sigmas.length, 21);
    // Written with seven digits.
    for (const [index, value] of [
      [0, 0.9996665],
      [1, 0.9824195],
      [15, 0.4996665],
      [19, 0.1362397],
      [20, 0],
    ] as const) {
      assert.ok(Math.abs(sigmas[index]! - value) <= 6e-8, `sigma ${index} is ${sigmas[index]!}`);
    }
    assert.deepEqual(
      timesteps,
      [999, 982, 963, 944, 922, 899, 874, 847, 817, 785, 749, 710, 666, 617, 562, 499, 428, 345, 249, 136],
    );
  });

  it("has the published coefficients at step 17 of 20", () => {
    const zero = Float32Array.of(0);
    const result = (cleanBefore: number, latents: number, clean: number): number => {
      const solver = createFlowDpmSolver({ ...OFFICIAL, numInferenceSteps: 20 });
      const [before, current] = [solver.sigmas[16]!, solver.sigmas[17]!];
      solver.step(Float32Array.of(-cleanBefore / before), zero, 16);
      return solver.step(Float32Array.of((latents - clean) / current), Float32Array.of(latents), 17)[0]!;
    };
    const published = { latents: 0.7221759182, clean: 0.2778240818, slope: 0.1845168791 };
    // A few float32 roundings of λ, which is near −1 there.
    const limit = 3e-7;
    assert.ok(Math.abs(result(0, 1, 0) - published.latents) <= limit);
    assert.ok(Math.abs(result(1, 0, 1) - published.clean) <= limit);
    assert.ok(Math.abs(result(1, 0, 0) + published.slope) <= limit);
  });

  it("arrives at the clean latents when the velocity is exact", () => {
    const solver = createFlowDpmSolver({ ...OFFICIAL, numInferenceSteps: 20 });
    const clean = Float32Array.of(0.25, -1.5, 3);
    const noise = Float32Array.of(-2, 0.75, 1);
    const velocity = noise.map((value, i) => value - clean[i]!);
    let latents: Float32Array = noise.map(
      (value, i) => (1 - solver.sigmas[0]!) * clean[i]! + solver.sigmas[0]! * value,
    );
    for (let k = 0; k < 20; k += 1) latents = solver.step(velocity, latents, k);
    // Twenty float32 roundings of numbers up to 3.
    clean.forEach((value, i) => {
      assert.ok(Math.abs(latents[i]! - value) <= 5e-6);
    });
  });

  it("uses the history of the step right before only", () => {
    const draw = createNumbers(8);
    const [latents, velocity] = [draw(), draw()];
    const fresh = createFlowDpmSolver({ ...OFFICIAL, numInferenceSteps: 20 });
    const used = createFlowDpmSolver({ ...OFFICIAL, numInferenceSteps: 20 });
    used.step(draw(), latents, 0);
    assert.deepEqual(used.step(velocity, latents, 8), fresh.step(velocity, latents, 8));
    assert.notDeepEqual(
      used.step(velocity, latents, 9),
      fresh.step(
        velocity,
        latents.map((x) => x + 1),
        9,
      ),
    );
  });

  it("predicts the clean latents that its last step returns, and leaves its inputs alone", () => {
    const draw = createNumbers(8);
    const [latents, velocity] = [draw(), draw()];
    const copies = [latents.slice(), velocity.slice()];
    const solver = createFlowDpmSolver({ ...OFFICIAL, numInferenceSteps: 3 });
    assert.deepEqual(solver.predictClean(velocity, latents, 2), solver.step(velocity, latents, 2));
    assert.deepEqual([latents, velocity], copies);
  });
});
