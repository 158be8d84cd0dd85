import type { FlowSchedulerConfig, SchedulerConfig, ScmSchedulerConfig } from "../checkpoint/configs";
import { SanaError } from "../errors";
import { createFlowDpmSolver } from "../scheduler/flow-dpm-solver";
import { createFlowMatchEuler } from "../scheduler/flow-match-euler";
import type { FlowScheduler } from "../scheduler/scheduler";

export const SCHEDULER_NAMES = ["flow-dpm-solver", "flow-match-euler", "scm"] as const;
export type SchedulerName = (typeof SCHEDULER_NAMES)[number];

const OWN_NAME: Record<SchedulerConfig["className"], SchedulerName> = {
  DPMSolverMultistepScheduler: "flow-dpm-solver",
  FlowMatchEulerDiscreteScheduler: "flow-match-euler",
  SCMScheduler: "scm",
};

/** What a picture is sampled with: Sprint's timesteps are angles, every other checkpoint's are flow times. */
export type Sampling =
  | { readonly kind: "sprint"; readonly name: "scm"; readonly config: ScmSchedulerConfig }
  | { readonly kind: "flow"; readonly name: Exclude<SchedulerName, "scm">; readonly config: FlowSchedulerConfig };

/**
 * The scheduler that was asked for, or the checkpoint's own. Throws `invalid-parameter` where it does not go with the
 * checkpoint.
 */
export function chooseSampling(requested: SchedulerName | undefined, config: SchedulerConfig): Sampling {
  const name = requested ?? OWN_NAME[config.className];
  if (config.className === "SCMScheduler") {
    if (name !== "scm") throw mismatch(name, "scm");
    return { kind: "sprint", name, config };
  }
  if (name === "scm") throw mismatch(name, "flow-dpm-solver, flow-match-euler");
  return { kind: "flow", name, config };
}

function mismatch(name: SchedulerName, allowed: string): SanaError {
  return new SanaError(
    "invalid-parameter",
    `--scheduler ${name} does not go with this checkpoint; allowed: ${allowed}`,
  );
}

/** A fresh scheduler of a flow model. Its noise schedule is the checkpoint's whichever of the two samples it. */
export function createFlowScheduler(
  { name, config }: Extract<Sampling, { kind: "flow" }>,
  numInferenceSteps: number,
): FlowScheduler {
  const options = { ...config, numInferenceSteps };
  return name === "flow-dpm-solver" ? createFlowDpmSolver(options) : createFlowMatchEuler(options);
}
