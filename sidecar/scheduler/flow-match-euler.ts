import { cleanLatents, type FlowScheduler } from "./scheduler";

interface FlowMatchEulerOptions {
  /** 1 … 1000. */
  readonly numInferenceSteps: number;
  /** How far noise levels are moved towards 1; above 0, 1 leaves them evenly spaced. */
  readonly shift: number;
  /** Noise levels that the model was trained on, usually 1000. */
  readonly numTrainTimesteps: number;
}

/**
 * Euler steps along the velocity. The schedule's low end is shifted twice, as the reference does.
 * Source: diffusers scheduling_flow_match_euler_discrete.py without dynamic shifting.
 */
export function createFlowMatchEuler(options: FlowMatchEulerOptions): FlowScheduler {
  const sigmas = noiseLevels(options);
  return {
    timesteps: [...sigmas.subarray(0, -1)].map((sigma) => fround(sigma * options.numTrainTimesteps)),
    sigmas,
    predictClean: (velocity, latents, stepIndex) => cleanLatents(velocity, latents, sigmas[stepIndex]!),
    step: (velocity, latents, stepIndex) => {
      const length = fround(sigmas[stepIndex + 1]! - sigmas[stepIndex]!);
      return latents.map((value, i) => value + fround(length * velocity[i]!));
    },
  };
}

const { fround } = Math;

/** The noise level of every step, highest first, and 0. */
function noiseLevels({ numInferenceSteps, shift, numTrainTimesteps }: FlowMatchEulerOptions): Float32Array {
  const highest = shiftedFloat32(1, shift) * numTrainTimesteps;
  const lowest = shiftedFloat32(fround(1 / numTrainTimesteps), shift) * numTrainTimesteps;
  const stepSize = (lowest - highest) / (numInferenceSteps - 1);
  const sigmas = new Float32Array(numInferenceSteps + 1);
  for (let k = 0; k < numInferenceSteps; k += 1) {
    // The ends are given as they are: forming them like the others may end one rounding beside them.
    const timestep = k === 0 ? highest : k === numInferenceSteps - 1 ? lowest : k * stepSize + highest;
    const sigma = timestep / numTrainTimesteps;
    sigmas[k] = (shift * sigma) / (1 + (shift - 1) * sigma);
  }
  return sigmas;
}

/** The shift as the reference computes it for the ends of its schedule, in float32. */
function shiftedFloat32(sigma: number, shift: number): number {
  return fround(fround(fround(shift) * sigma) / fround(1 + fround(fround(shift - 1) * sigma)));
}
