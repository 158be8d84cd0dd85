import * as v from "valibot";
import { oneOf, parseConfig } from "./config-schema";
import { SCHEDULER_CLASSES, type SchedulerClass } from "./scheduler-config";
import { TEXT_ENCODER_CLASSES, type TextEncoderClass } from "./text-encoder-config";

type PipelineClass = "SanaPipeline" | "SanaSprintPipeline";

const SHAREABLE = ["text_encoder", "tokenizer", "vae"] as const;

/** A component that a distilled checkpoint has in common with the one that it was distilled from. */
export type ShareableComponent = (typeof SHAREABLE)[number];

/** What model_index.json says: the pipeline, and the classes of the components that may have more than one. */
export interface ModelIndex {
  readonly pipeline: PipelineClass;
  readonly textEncoder: TextEncoderClass;
  readonly scheduler: SchedulerClass;
  /** Components that lie in the folder above the checkpoint's, and not in its own. */
  readonly shared: readonly ShareableComponent[];
}

/** An entry is [library, class]; the tokenizer is read from its file, so that its class does not matter. */
function component<const Classes extends readonly string[]>(classes: Classes) {
  return v.looseTuple([v.unknown(), oneOf(classes)], `a list of a library and ${classes.join(" or ")}`);
}

const schema = v.object({
  _class_name: oneOf(["SanaPipeline", "SanaSprintPipeline", "SanaSprintImg2ImgPipeline"]),
  text_encoder: component(TEXT_ENCODER_CLASSES),
  transformer: component(["SanaTransformer2DModel"]),
  vae: component(["AutoencoderDC"]),
  scheduler: component(SCHEDULER_CLASSES),
  // Ours alone. Names and no paths: where shared components lie is not for a file to decide.
  _sana_shared_components: v.optional(
    v.pipe(
      v.array(oneOf(SHAREABLE), `a list of ${SHAREABLE.join(", ")}`),
      v.check((names) => new Set(names).size === names.length, "a list without repetitions"),
    ),
    [],
  ),
});

/** The contents of a model_index.json. Throws `invalid-checkpoint` for any pipeline or component that is not Sana's. */
export function parseModelIndex(json: unknown, file: string): ModelIndex {
  const index = parseConfig(schema, json, file);
  return {
    // Image-to-image is an option of every pipeline here, so Sprint's own class for it is the same thing.
    pipeline: index._class_name === "SanaPipeline" ? "SanaPipeline" : "SanaSprintPipeline",
    textEncoder: index.text_encoder[1],
    scheduler: index.scheduler[1],
    shared: index._sana_shared_components,
  };
}
