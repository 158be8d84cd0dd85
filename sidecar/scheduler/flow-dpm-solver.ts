import { cleanLatents, type FlowScheduler } from "./scheduler";

interface FlowDpmSolverOptions {
  /** 1 … 1000. */
  readonly numInferenceSteps: number;
  /** How far noise levels are moved towards 1; above 0, 1 leaves them evenly spaced. */
  readonly shift: number;
  /** Noise levels that the model was trained on, usually 1000. */
  readonly numTrainTimesteps: number;
  readonly solverOrder: 1 | 2;
}

/**
 * DPM-Solver++ (multistep, midpoint) on flow-matching noise levels that end at 0. The settings lower_order_final and
 * euler_at_final change nothing here: a last step to noise level 0 is of first order with any of them.
 * Source: diffusers scheduling_dpmsolver_multistep.py with use_flow_sigmas and final_sigmas_type "zero".
 */
export function createFlowDpmSolver(options: FlowDpmSolverOptions): FlowScheduler {
  const levels = noiseLevels(options);
  const sigmas = Float32Array.of(...levels, 0);
  const lastIndex = levels.length - 1;
  // What the last step predicted; it serves the step after it only.
  let previous: { stepIndex: number; clean: Float32Array } | undefined;

  const predictClean: FlowScheduler["predictClean"] = (velocity, latents, stepIndex) =>
    cleanLatents(velocity, latents, sigmas[stepIndex]!);

  const step: FlowScheduler["step"] = (velocity, latents, stepIndex) => {
    const clean = predictClean(velocity, latents, stepIndex);
    const previousClean = previous?.stepIndex === stepIndex - 1 ? previous.clean : undefined;
    previous = { stepIndex, clean };
    return options.solverOrder === 1 || previousClean === undefined || stepIndex === lastIndex
      ? firstOrderUpdate({ latents, clean }, sigmas, stepIndex)
      : secondOrderUpdate({ latents, clean, previousClean }, sigmas, stepIndex);
  };

  const timesteps = levels.map((level) => Math.trunc(level * options.numTrainTimesteps));
  return { timesteps, sigmas, predictClean, step };
}

/** The noise level of every step in float64, highest first. */
function noiseLevels({ numInferenceSteps, shift, numTrainTimesteps }: FlowDpmSolverOptions): number[] {
  const stepSize = (1 / numTrainTimesteps - 1) / numInferenceSteps;
  return Array.from({ length: numInferenceSteps }, (_, k) => {
    const i = numInferenceSteps - k;
    // The first level is given as it is: forming it like the others may end one rounding beside it.
    const alpha = k === 0 ? 1 / numTrainTimesteps : i * stepSize + 1;
    const sigma = 1 - alpha;
    return (shift * sigma) / (1 + (shift - 1) * sigma);
  });
}

// The reference computes its coefficients with float32 scalars, so they are rounded here after every operation too:
// with many steps the rounding of λ is larger than that of all latents together.
const { fround } = Math;

function firstOrderUpdate(
  { latents, clean }: { latents: Float32Array; clean: Float32Array },
  sigmas: Float32Array,
  stepIndex: number,
): Float32Array {
  const { ratio, decay } = coefficients(sigmas, stepIndex);
  return latents.map((value, i) => fround(ratio * value) - fround(decay * clean[i]!));
}

function secondOrderUpdate(
  { latents, clean, previousClean }: { latents: Float32Array; clean: Float32Array; previousClean: Float32Array },
  sigmas: Float32Array,
  stepIndex: number,
): Float32Array {
  const { ratio, decay, stride } = coefficients(sigmas, stepIndex);
  const previousStride = fround(logSnr(sigmas[stepIndex]!) - logSnr(sigmas[stepIndex - 1]!));
  const slope = fround(1 / fround(previousStride / stride));
  const halfDecay = fround(0.5 * decay);
  return latents.map((value, i) => {
    const difference = fround(slope * fround(clean[i]! - previousClean[i]!));
    return fround(fround(ratio * value) - fround(decay * clean[i]!)) - fround(halfDecay * difference);
  });
}

/** x' = ratio·x − decay·clean. `stride` is the step's length in λ; it is infinite where the noise level becomes 0. */
function coefficients(sigmas: Float32Array, stepIndex: number): { ratio: number; decay: number; stride: number } {
  const [current, next] = [sigmas[stepIndex]!, sigmas[stepIndex + 1]!];
  const stride = fround(logSnr(next) - logSnr(current));
  const decay = fround(fround(1 - next) * fround(fround(Math.exp(-stride)) - 1));
  return { ratio: fround(next / current), decay, stride };
}

/** λ = ln(1 − σ) − ln σ. */
function logSnr(sigma: number): number {
  return fround(fround(Math.log(fround(1 - sigma))) - fround(Math.log(sigma)));
}
