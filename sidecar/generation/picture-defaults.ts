import type { TransformerConfig } from "../checkpoint/configs";
import type { Checkpoint } from "../checkpoint/diffusers-layout";
import type { GenerationDefaults } from "../checkpoint/generation-defaults";

/** What a picture is made with where its user does not say otherwise. */
interface PictureDefaults {
  readonly width: number;
  readonly height: number;
  readonly numInferenceSteps: number;
  readonly guidanceScale: number;
  /** Of image-to-image. */
  readonly strength: number;
}

/** The checkpoint's own defaults, the reference's where it has none. */
export function pictureDefaults(
  { pipeline }: Pick<Checkpoint, "pipeline">,
  { defaults, transformer }: { defaults: GenerationDefaults; transformer: TransformerConfig },
): PictureDefaults {
  return {
    width: defaults.width ?? transformer.sampleSize * 32,
    height: defaults.height ?? transformer.sampleSize * 32,
    numInferenceSteps: defaults.numInferenceSteps ?? (pipeline === "SanaSprintPipeline" ? 2 : 20),
    guidanceScale: defaults.guidanceScale ?? 4.5,
    strength: defaults.strength ?? 0.6,
  };
}
