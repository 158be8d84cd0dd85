import * as v from "valibot";
import { flag, integer, only, parseConfig, positive, unset } from "./config-schema";
import type { SchedulerConfig } from "./configs";

export const SCHEDULER_CLASSES = [
  "DPMSolverMultistepScheduler",
  "FlowMatchEulerDiscreteScheduler",
  "SCMScheduler",
] as const;
export type SchedulerClass = (typeof SCHEDULER_CLASSES)[number];

const MAX_TRAIN_TIMESTEPS = 1_000_000;
const MAX_SHIFT = 1000;

const trainTimesteps = v.optional(integer(2, MAX_TRAIN_TIMESTEPS), 1000);
// Each scheduler has its own name for the same shift. Where a file was written for the other one, its shift still holds.
const shifts = { flow_shift: v.optional(positive(MAX_SHIFT)), shift: v.optional(positive(MAX_SHIFT)) };
const unshapedSigmas = {
  use_karras_sigmas: v.optional(only(false)),
  use_exponential_sigmas: v.optional(only(false)),
  use_beta_sigmas: v.optional(only(false)),
};

/** A key that the reference reads differently from what Sana needs where it is missing must therefore be there. */
const dpmSolverSchema = v.object({
  num_train_timesteps: trainTimesteps,
  prediction_type: only("flow_prediction"),
  use_flow_sigmas: only(true),
  algorithm_type: v.optional(only("dpmsolver++")),
  solver_type: v.optional(only("midpoint")),
  solver_order: v.optional(v.picklist([1, 2], "1 or 2"), 2),
  final_sigmas_type: v.optional(only("zero")),
  thresholding: v.optional(only(false)),
  use_lu_lambdas: v.optional(only(false)),
  ...unshapedSigmas,
  ...shifts,
  // Checked, but without effect: with a last sigma of 0 the last step is of first order in any case, and what comes
  // before it is decided by them for order 3 only.
  lower_order_final: v.optional(flag()),
  euler_at_final: v.optional(flag()),
});

const flowMatchEulerSchema = v.object({
  num_train_timesteps: trainTimesteps,
  use_dynamic_shifting: v.optional(only(false)),
  invert_sigmas: v.optional(only(false)),
  shift_terminal: v.optional(unset()),
  stochastic_sampling: v.optional(only(false)),
  ...unshapedSigmas,
  ...shifts,
});

const scmSchema = v.object({
  num_train_timesteps: trainTimesteps,
  prediction_type: v.optional(only("trigflow")),
  sigma_data: v.optional(positive(1000), 0.5),
});

/**
 * The configuration of a scheduler from its scheduler_config.json, for the class that model_index.json names. A setting
 * that would change the result in a way that no Sana model uses is refused. Throws `invalid-checkpoint`.
 */
export function parseSchedulerConfig(
  json: unknown,
  options: { file: string; className: SchedulerClass },
): SchedulerConfig {
  const { file, className } = options;
  switch (className) {
    case "DPMSolverMultistepScheduler": {
      const config = parseConfig(dpmSolverSchema, json, file);
      return {
        className,
        numTrainTimesteps: config.num_train_timesteps,
        shift: config.flow_shift ?? config.shift ?? 1,
        solverOrder: config.solver_order,
      };
    }
    case "FlowMatchEulerDiscreteScheduler": {
      const config = parseConfig(flowMatchEulerSchema, json, file);
      return {
        className,
        numTrainTimesteps: config.num_train_timesteps,
        shift: config.shift ?? config.flow_shift ?? 1,
        solverOrder: 2,
      };
    }
    case "SCMScheduler": {
      const config = parseConfig(scmSchema, json, file);
      return { className, numTrainTimesteps: config.num_train_timesteps, sigmaData: config.sigma_data };
    }
  }
}
