import { SanaError } from "../errors";
import { isFiniteTensor } from "../tensor/float-tensor";
import type { EncodedPrompt } from "./prompt-encoding";
import type { GenerationEvent } from "./events";

/** Throws `cancelled` once the signal has been given. */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new SanaError("cancelled", "the picture was cancelled");
}

/** Throws `non-finite`, naming the step (1 …), where latents are not numbers. */
export function requireFinite(latents: Float32Array, step: number): void {
  if (!isFiniteTensor(latents)) {
    throw new SanaError(
      "non-finite",
      `the latents are not finite after step ${step}: the transformer's weights are bad`,
    );
  }
}

/** One notice for each text that was cut. The first text is the prompt, the second the negative prompt. */
export function* truncationNotices(encoded: readonly EncodedPrompt[]): Generator<GenerationEvent> {
  for (const [index, { truncated }] of encoded.entries()) {
    if (truncated) yield { type: "prompt-truncated", prompt: index === 0 ? "prompt" : "negative prompt" };
  }
}
