/**
 * A sampler of TrigFlow consistency models: x = cos t·clean + sin t·noise, times are angles. The caller counts the
 * steps and may begin at a later one.
 */
export interface ScmScheduler {
  /** Angles in radians, float32: numInferenceSteps + 1 values, descending, the last 0. */
  readonly timesteps: Float32Array;
  /** Standard deviation of the latents that the model was trained on. */
  readonly sigmaData: number;
  /**
   * One step. `velocity` and `latents` are on the scale of `sigmaData`; `noise` is unit normal and fresh at every step
   * (the last one multiplies it by sin 0). Returns the latents at `timesteps[stepIndex + 1]` and the clean latents that
   * the step arrived at, both new arrays.
   */
  step(
    velocity: Float32Array,
    latents: Float32Array,
    call: { stepIndex: number; noise: Float32Array },
  ): { latents: Float32Array; denoised: Float32Array };
}

// Just above π/2: the start that the official models were distilled from.
const MAX_TIMESTEP = 1.5708;
// Two steps have an official middle; every other number of steps is evenly spaced.
const INTERMEDIATE_TIMESTEP = 1.3;

/**
 * `numInferenceSteps`: 1 … 1000. `angles` replace the schedule of the reference: one in (0, π/2] for each step,
 * descending, without the 0 at the end. Source: diffusers scheduling_scm.py with the defaults of the Sprint pipeline.
 */
export function createScm({
  numInferenceSteps,
  sigmaData,
  angles,
}: {
  numInferenceSteps: number;
  sigmaData: number;
  angles?: readonly number[] | undefined;
}): ScmScheduler {
  const timesteps = angles === undefined ? usualTimesteps(numInferenceSteps) : Float32Array.of(...angles, 0);
  return {
    timesteps,
    sigmaData,
    step: (velocity, latents, { stepIndex, noise }) => {
      const [cos, sin] = cosSin(timesteps[stepIndex]!);
      const [nextCos, nextSin] = cosSin(timesteps[stepIndex + 1]!);
      const denoised = latents.map((value, i) => fround(cos * value) - fround(sin * velocity[i]!));
      const next = denoised.map(
        (value, i) => fround(nextCos * value) + fround(nextSin * fround(noise[i]! * sigmaData)),
      );
      return { latents: next, denoised };
    },
  };
}

function usualTimesteps(numInferenceSteps: number): Float32Array {
  return numInferenceSteps === 2
    ? Float32Array.of(MAX_TIMESTEP, INTERMEDIATE_TIMESTEP, 0)
    : evenlyDescending(MAX_TIMESTEP, numInferenceSteps);
}

const { fround } = Math;

function cosSin(angle: number): [number, number] {
  return [fround(Math.cos(angle)), fround(Math.sin(angle))];
}

/** `start` down to 0 in `count` equal steps, in float32 and each half counted from its own end, as torch.linspace does. */
function evenlyDescending(start: number, count: number): Float32Array {
  const first = fround(start);
  const stepSize = fround(first / count);
  const middle = Math.floor((count + 1) / 2);
  return Float32Array.from({ length: count + 1 }, (_, i) =>
    i < middle ? first - fround(stepSize * i) : stepSize * (count - i),
  );
}
