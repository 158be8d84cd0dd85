/**
 * A sampler of flow matching: x = (1 − σ)·clean + σ·noise, and the model predicts the velocity noise − clean.
 * The caller counts the steps, 0 … numInferenceSteps − 1, and may begin at a later one. All arrays are float32; every
 * result is a new array. A scheduler may remember the last step, so each picture needs its own.
 */
export interface FlowScheduler {
  /** What the model is called with at each step, 0 … numTrainTimesteps, descending. */
  readonly timesteps: readonly number[];
  /** Noise level at the start of each step, descending, and the final 0: numInferenceSteps + 1 values. */
  readonly sigmas: Float32Array;
  /** The clean latents that a step's velocity points to. */
  predictClean(velocity: Float32Array, latents: Float32Array, stepIndex: number): Float32Array;
  /** Latents at `sigmas[stepIndex]` to latents at `sigmas[stepIndex + 1]`. */
  step(velocity: Float32Array, latents: Float32Array, stepIndex: number): Float32Array;
}

/** `latents` − σ·`velocity`, each operation rounded to float32 as the reference's are. */
export function cleanLatents(velocity: Float32Array, latents: Float32Array, sigma: number): Float32Array {
  return latents.map((value, i) => value - Math.fround(sigma * velocity[i]!));
}
