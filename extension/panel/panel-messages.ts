/**
 * Every message between the panel's page (webview/) and the extension. Both sides check what they receive with these
 * schemas and ignore what does not fit; objects are strict. Sizes are in pixels, memory in bytes, time in seconds.
 */
import * as v from "valibot";

/** Pictures that one press of Generate may ask for. */
export const MAX_COUNT = 16;
/** Longest prompt that is kept; the models read far less, and say so. */
export const MAX_PROMPT_LENGTH = 10_000;
/** The kind of data that a picture is dragged as: its ID. */
export const PICTURE_MIME = "application/vnd.sana.picture";
/** What a form calls the model that the settings name. */
export const USUAL_MODEL = "usual";
/** The largest side that a form may hold; each model has a limit of its own. */
const MAX_SIDE = 16_384;

const text = v.string();
const id = v.pipe(text, v.regex(/^[A-Za-z0-9-]{1,80}$/));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const finite = v.pipe(v.number(), v.finite());
const prompt = v.pipe(text, v.maxLength(MAX_PROMPT_LENGTH));
const side = v.pipe(count, v.minValue(1), v.maxValue(MAX_SIDE));
const path = v.pipe(text, v.nonEmpty(), v.maxLength(4096));

const StartImage = v.strictObject({
  path,
  /** What is shown for it. */
  name: text,
  /** Above 0, up to 1; null is the model's own. */
  strength: v.nullable(v.pipe(finite, v.gtValue(0), v.maxValue(1))),
});

/** What the user has set. Null is the model's own value, and follows when another model is chosen. */
export const Form = v.strictObject({
  prompt,
  negativePrompt: prompt,
  /** A style of `prompt-styles.ts`. */
  style: v.nullable(id),
  /**
   * USUAL_MODEL, the name of a bundled model, or a checkpoint's folder. Null only in forms that were stored when there
   * was one bundled model; `withModel` says what they meant.
   */
  model: v.nullable(path),
  width: v.nullable(side),
  height: v.nullable(side),
  steps: v.nullable(v.pipe(count, v.minValue(1), v.maxValue(1000))),
  guidanceScale: v.nullable(v.pipe(finite, v.minValue(0), v.maxValue(100))),
  /** Of the first picture; the others of one press count up from it. */
  seed: v.pipe(text, v.regex(/^[0-9]{1,19}$/)),
  /** Whether the next press uses this seed again rather than draws one. */
  seedLocked: v.boolean(),
  count: v.pipe(count, v.minValue(1), v.maxValue(MAX_COUNT)),
  startImage: v.nullable(StartImage),
});
export type Form = v.InferOutput<typeof Form>;

/**
 * A stored form with its model: null meant the settings' own, `setting`, or else the one that was bundled, which has
 * become the one for quality.
 */
export function withModel(form: Form, setting: string | null): Form {
  if (form.model !== null) return form;
  return { ...form, model: setting === null ? "quality" : USUAL_MODEL };
}

const FormChange = v.pipe(
  v.partial(Form),
  v.transform((change) => {
    const given = Object.entries(change).filter(([, value]) => value !== undefined);
    return Object.fromEntries(given);
  }),
);

/** A form before anybody touched it. */
export const EMPTY_FORM: Form = {
  prompt: "",
  negativePrompt: "",
  style: null,
  model: USUAL_MODEL,
  width: null,
  height: null,
  steps: null,
  guidanceScale: null,
  seed: "0",
  seedLocked: false,
  count: 1,
  startImage: null,
};

/** When a quick picture follows the typing; `auto`: with models of few steps, unless the machine runs on its battery. */
const LiveMode = v.picklist(["auto", "on", "off"]);
export type LiveMode = v.InferOutput<typeof LiveMode>;

const Job = v.strictObject({
  id,
  /** As the picture will be made: one seed, a count of 1. */
  form: Form,
  state: v.picklist(["waiting", "running", "failed", "cancelled"]),
  /** Pictures that are made before this one. */
  ahead: count,
  stage: v.picklist(["queued", "load", "read-prompt", "read-image", "steps", "decode", "save"]),
  step: count,
  total: count,
  /** 0 … 1 of the whole picture. */
  fraction: finite,
  secondsLeft: v.nullable(finite),
  /** One line for people; only of a failed job. */
  error: v.nullable(text),
});
/** A picture that was asked for and is not there yet. */
export type Job = v.InferOutput<typeof Job>;

const Picture = v.strictObject({
  id,
  /** Where the page can load it from, and its file. */
  src: text,
  path,
  /** As it was asked for, every value filled in: the same form gives the same picture again. */
  form: Form,
  modelName: text,
  seconds: finite,
  /** What the user should know about it, one line each. */
  notices: v.array(text),
});
/** A picture of the strip. */
export type Picture = v.InferOutput<typeof Picture>;

const Model = v.strictObject({
  folder: path,
  name: text,
  /** Whether it is the one that the settings name. */
  usual: v.boolean(),
  /** The name of one that comes with the extension. */
  bundled: v.nullable(v.picklist(["fast", "quality"])),
  /** Sprint knows no negative prompt. */
  sprint: v.boolean(),
  sizes: v.array(v.tuple([side, side])),
  anySize: v.boolean(),
  sizeMultiple: v.pipe(count, v.minValue(1)),
  maxSide: count,
  defaults: v.strictObject({ width: side, height: side, steps: count, guidanceScale: finite, strength: finite }),
});
/** A model to choose from, the usual one first. */
export type Model = v.InferOutput<typeof Model>;

const Estimate = v.strictObject({
  neededBytes: finite,
  freeBytes: finite,
  fits: v.boolean(),
  /** Null until a picture was made with that model. */
  seconds: v.nullable(finite),
});
export type Estimate = v.InferOutput<typeof Estimate>;

/** Extension → page. */
export const HostMessage = v.variant("type", [
  /** The answer to `ready`. `form` is for a page without a memory of its own: what an earlier page had. */
  v.strictObject({
    type: v.literal("init"),
    form: v.nullable(Form),
    styles: v.array(v.strictObject({ id, label: text })),
    liveMode: LiveMode,
    jobs: v.array(Job),
    pictures: v.array(Picture),
  }),
  /** The models, or why they could not be had. */
  v.strictObject({
    type: v.literal("models"),
    state: v.picklist(["loading", "ready", "failed"]),
    models: v.array(Model),
    /** Folders that were to hold a model and do not hold one that can be used, with the reason. */
    unusable: v.array(v.strictObject({ folder: text, error: text })),
    error: v.nullable(text),
  }),
  /** All jobs, whenever one changes. */
  v.strictObject({ type: v.literal("jobs"), jobs: v.array(Job) }),
  /** What the model sees so far, a PNG in base64. */
  v.strictObject({ type: v.literal("preview"), job: id, png: v.pipe(text, v.base64()) }),
  /** The live picture as far as it is, a PNG in base64, or one line about why there is none. */
  v.strictObject({ type: v.literal("live"), png: v.pipe(text, v.base64()), finished: v.boolean() }),
  v.strictObject({ type: v.literal("liveFailed"), error: text }),
  v.strictObject({ type: v.literal("liveMode"), mode: LiveMode }),
  /** All pictures, the newest first, whenever one comes or goes. */
  v.strictObject({ type: v.literal("pictures"), pictures: v.array(Picture) }),
  /** Set these fields of the form and put the focus into the prompt. */
  v.strictObject({ type: v.literal("edit"), form: FormChange }),
  /** For the form as it was last told; null where it cannot be told. */
  v.strictObject({ type: v.literal("estimate"), estimate: v.nullable(Estimate) }),
  /** How the start image looks; null where it cannot be shown. */
  v.strictObject({ type: v.literal("thumbnail"), path, src: v.nullable(text) }),
  v.strictObject({ type: v.literal("notice"), severity: v.picklist(["info", "error"]), message: text }),
]);
export type HostMessage = v.InferOutput<typeof HostMessage>;

/** What the extension does with one picture; the page does the rest itself. */
const PictureAction = v.picklist(["insert", "copyMarkdown", "saveAs", "reveal", "delete"]);
export type PictureAction = v.InferOutput<typeof PictureAction>;

/** Page → extension. */
export const PageMessage = v.variant("type", [
  /** The page can receive. `form` is what it remembers from before a reload. */
  v.strictObject({ type: v.literal("ready"), form: v.nullable(Form) }),
  v.strictObject({ type: v.literal("formChanged"), form: Form }),
  v.strictObject({ type: v.literal("generate"), form: Form }),
  /** The typing has paused: make the live picture of this form, unless others are being made. */
  v.strictObject({ type: v.literal("followForm"), form: Form }),
  v.strictObject({ type: v.literal("setLive"), live: v.boolean() }),
  v.strictObject({ type: v.literal("cancel"), jobs: v.array(id) }),
  /** Ask again for a failed or cancelled one. */
  v.strictObject({ type: v.literal("retry"), job: id }),
  /** Take a failed or cancelled one away. */
  v.strictObject({ type: v.literal("dismiss"), job: id }),
  v.strictObject({ type: v.literal("picture"), id, action: PictureAction }),
  v.strictObject({ type: v.literal("chooseEarlierPrompt") }),
  v.strictObject({ type: v.literal("chooseStartImage") }),
  v.strictObject({ type: v.literal("loadModels") }),
  v.strictObject({ type: v.literal("showLog") }),
]);
export type PageMessage = v.InferOutput<typeof PageMessage>;

/** The message if it has the schema's shape, else null. */
export function parseMessage<Schema extends v.GenericSchema>(
  schema: Schema,
  message: unknown,
): v.InferOutput<Schema> | null {
  const result = v.safeParse(schema, message);
  return result.success ? result.output : null;
}
