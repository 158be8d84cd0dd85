import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { SchedulerConfig } from "../../../sidecar/checkpoint/configs";
import { parseSchedulerConfig, type SchedulerClass } from "../../../sidecar/checkpoint/scheduler-config";
import { assertRefused } from "./checkpoint-files";

function parse(className: SchedulerClass, json: object): SchedulerConfig {
  return parseSchedulerConfig(json, { file: "scheduler/scheduler_config.json", className });
}

const DPM = { prediction_type: "flow_prediction", use_flow_sigmas: true };

describe("parseSchedulerConfig", () => {
  it("reads the published DPM-Solver configuration", () => {
    const published = {
      _class_name: "DPMSolverMultistepScheduler",
      algorithm_type: "dpmsolver++",
      beta_schedule: "linear",
      euler_at_final: false,
      final_sigmas_type: "zero",
      flow_shift: 3.0,
      lambda_min_clipped: -Infinity,
      lower_order_final: true,
      num_train_timesteps: 1000,
      prediction_type: "flow_prediction",
      solver_order: 2,
      solver_type: "midpoint",
      steps_offset: 0,
      thresholding: false,
      timestep_spacing: "linspace",
      trained_betas: null,
      use_beta_sigmas: false,
      use_exponential_sigmas: false,
      use_flow_sigmas: true,
      use_karras_sigmas: false,
      use_lu_lambdas: false,
      variance_type: null,
    };
    assert.deepStrictEqual(parse("DPMSolverMultistepScheduler", published), {
      className: "DPMSolverMultistepScheduler",
      numTrainTimesteps: 1000,
      shift: 3,
      solverOrder: 2,
    });
  });

  it("keeps the shift of a file that was written for the other flow scheduler", () => {
    const shiftOf = (className: SchedulerClass, json: object): unknown =>
      (parse(className, { ...DPM, ...json }) as { shift?: number }).shift;
    assert.equal(shiftOf("DPMSolverMultistepScheduler", { shift: 4 }), 4);
    assert.equal(shiftOf("DPMSolverMultistepScheduler", { shift: 4, flow_shift: 6 }), 6);
    assert.equal(shiftOf("DPMSolverMultistepScheduler", {}), 1);
    assert.equal(shiftOf("FlowMatchEulerDiscreteScheduler", { flow_shift: 6 }), 6);
    assert.equal(shiftOf("FlowMatchEulerDiscreteScheduler", { shift: 4, flow_shift: 6 }), 4);
    assert.equal(shiftOf("FlowMatchEulerDiscreteScheduler", {}), 1);
  });

  it("reads the others with their defaults", () => {
    assert.deepStrictEqual(parse("FlowMatchEulerDiscreteScheduler", { shift: 7, num_train_timesteps: 500 }), {
      className: "FlowMatchEulerDiscreteScheduler",
      numTrainTimesteps: 500,
      shift: 7,
      solverOrder: 2,
    });
    assert.deepStrictEqual(parse("SCMScheduler", {}), {
      className: "SCMScheduler",
      numTrainTimesteps: 1000,
      sigmaData: 0.5,
    });
  });

  it("refuses every setting that would change the result in a way that is not implemented", async () => {
    const cases: [SchedulerClass, object, RegExp][] = [
      ["DPMSolverMultistepScheduler", { use_flow_sigmas: true }, /the key "prediction_type" is missing/],
      ["DPMSolverMultistepScheduler", { prediction_type: "flow_prediction" }, /the key "use_flow_sigmas" is missing/],
      [
        "DPMSolverMultistepScheduler",
        { ...DPM, use_flow_sigmas: false },
        /"use_flow_sigmas" is false; it must be true/,
      ],
      ...["epsilon", "sample", "v_prediction", "trigflow"].map((type): [SchedulerClass, object, RegExp] => [
        "DPMSolverMultistepScheduler",
        { ...DPM, prediction_type: type },
        new RegExp(`"prediction_type" is "${type}"; it must be flow_prediction`),
      ]),
      [
        "DPMSolverMultistepScheduler",
        { ...DPM, algorithm_type: "sde-dpmsolver++" },
        /"algorithm_type".* it must be dpmsolver/,
      ],
      ["DPMSolverMultistepScheduler", { ...DPM, solver_type: "heun" }, /"solver_type" is "heun"; it must be midpoint/],
      ["DPMSolverMultistepScheduler", { ...DPM, solver_order: 3 }, /"solver_order" is 3; it must be 1 or 2/],
      ["DPMSolverMultistepScheduler", { ...DPM, final_sigmas_type: "sigma_min" }, /"final_sigmas_type"/],
      ["DPMSolverMultistepScheduler", { ...DPM, thresholding: true }, /"thresholding" is true; it must be false/],
      ["DPMSolverMultistepScheduler", { ...DPM, use_karras_sigmas: true }, /"use_karras_sigmas"/],
      ["DPMSolverMultistepScheduler", { ...DPM, use_lu_lambdas: true }, /"use_lu_lambdas"/],
      ["DPMSolverMultistepScheduler", { ...DPM, lower_order_final: 1 }, /"lower_order_final"/],
      ["DPMSolverMultistepScheduler", { ...DPM, flow_shift: 0 }, /"flow_shift" is 0; it must be a number above 0/],
      ["DPMSolverMultistepScheduler", { ...DPM, flow_shift: NaN }, /"flow_shift" is NaN/],
      ["DPMSolverMultistepScheduler", { ...DPM, num_train_timesteps: 1 }, /"num_train_timesteps" is 1/],
      ["FlowMatchEulerDiscreteScheduler", { use_dynamic_shifting: true }, /"use_dynamic_shifting"/],
      ["FlowMatchEulerDiscreteScheduler", { invert_sigmas: true }, /"invert_sigmas"/],
      ["FlowMatchEulerDiscreteScheduler", { shift_terminal: 0.1 }, /"shift_terminal" is 0.1; it must be null/],
      ["FlowMatchEulerDiscreteScheduler", { stochastic_sampling: true }, /"stochastic_sampling"/],
      ["FlowMatchEulerDiscreteScheduler", { use_exponential_sigmas: true }, /"use_exponential_sigmas"/],
      ["FlowMatchEulerDiscreteScheduler", { shift: "3" }, /"shift" is "3"/],
      ["SCMScheduler", { prediction_type: "epsilon" }, /"prediction_type" is "epsilon"; it must be trigflow/],
      ["SCMScheduler", { sigma_data: 0 }, /"sigma_data" is 0/],
    ];
    for (const [className, json, pattern] of cases) {
      const file = /^scheduler\/scheduler_config\.json: /;
      await assertRefused(() => parse(className, json), "invalid-checkpoint", file, pattern);
    }
  });
});
