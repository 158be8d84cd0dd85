/**
 * What the sidecar's server and its clients say to each other: JSON-RPC 2.0 in LSP framing over stdin and stdout.
 * This file is all that a client needs; it holds schemas, the types derived from them, and constants.
 *
 * Order of a session: `initialize` (first, with this protocol's version), `initialized`, any of the requests below,
 * `shutdown`, `exit`. Pictures are made one at a time in the order in which they were asked for. LSP's own
 * `$/cancelRequest` cancels a picture, waiting or running (other requests are short and answered all the same), and
 * `$/progress` carries `GenerationProgress`.
 *
 * Objects are strict: a key that is not named here is refused like a value of the wrong type. Sizes are in pixels,
 * memory in bytes, time in seconds.
 */
import * as v from "valibot";
import type { ErrorCode } from "./errors";

/** Raised whenever a message changes; client and server must have the same. */
export const PROTOCOL_VERSION = 2;

/** The file that declares the pictures of a workspace. */
export const MANIFEST_NAME = "sana.assets.json";

/** The largest message that the server reads; longer ones are skipped and answered with `invalidRequest`. */
export const MAX_MESSAGE_BYTES = 16 * 2 ** 20;

/** The error codes of JSON-RPC and of LSP that the server answers with besides those of ERROR_CODES. */
export const JSON_RPC_ERRORS = {
  /** A message was not JSON or its header was not understood. The answer's id is null. */
  parseError: -32700,
  /**
   * A message was JSON but no request, or was too long, or its id belongs to a request that is still pending (the
   * answer's id is null then), or it came after `shutdown`, or `initialize` came twice.
   */
  invalidRequest: -32600,
  /** There is no such method. */
  methodNotFound: -32601,
  /** A bug of the server. The message says what happened. */
  internalError: -32603,
  /** A request came before `initialize`. */
  serverNotInitialized: -32002,
} as const;

/**
 * The `code` of a JSON-RPC error by the code of the SanaError behind it. The error's `message` is one line for people,
 * its `data` is an `ErrorData`, which names the same code as a word.
 */
export const ERROR_CODES: Readonly<Record<ErrorCode, number>> = {
  "invalid-parameter": -32602,
  cancelled: -32800,
  "invalid-checkpoint": 1001,
  "invalid-weights": 1002,
  "invalid-input-file": 1003,
  "output-failed": 1004,
  unsupported: 1005,
  "non-finite": 1006,
  "insufficient-memory": 1007,
  "worker-ended": 1008,
  "protocol-version": 1009,
};

const text = v.string("must be a string");
const flag = v.boolean("must be true or false");
const number = v.pipe(v.number("must be a number"), v.finite("must be a finite number"));
const count = v.pipe(number, v.safeInteger("must be a whole number"), v.minValue(0, "must not be negative"));
const ABSOLUTE_PATH = /^(?:\/|\\\\|[A-Za-z]:[\\/])[^\0]*$/;
const path = v.pipe(text, v.nonEmpty("must not be empty"), v.regex(ABSOLUTE_PATH, "must be an absolute path"));

function oneOf<const Names extends readonly string[]>(names: Names) {
  return v.picklist(names, `must be one of ${names.join(", ")}`);
}

/** A value that may be left out or null, which both say: as the model or the server has it by default. */
function orDefault<const Schema extends v.GenericSchema>(schema: Schema) {
  return v.optional(v.nullable(schema), null);
}

/** Chosen by the client for each picture; previews, queue and progress name it. Unique among its pending pictures. */
const token = v.union(
  [v.pipe(text, v.minLength(1), v.maxLength(200)), v.pipe(v.number(), v.safeInteger())],
  "must be a string of 1 to 200 characters or a whole number",
);

/** Decimal digits, 0 … 2^63−1: a JSON number would be rounded. */
const seed = v.pipe(text, v.regex(/^[0-9]{1,19}$/, "must be decimal digits, 0 to 9223372036854775807"));

const scheduler = oneOf(["flow-dpm-solver", "flow-match-euler", "scm"]);
const provider = oneOf(["auto", "cpu", "webgpu", "cuda"]);
const precision = oneOf(["auto", "fp32", "fp16", "int8", "int4"]);
const vaeTiling = oneOf(["auto", "on", "off"]);

/** What was used in the end. */
const usedProvider = oneOf(["cpu", "webgpu", "cuda"]);
const usedPrecision = oneOf(["fp32", "fp16", "int8", "int4"]);

/** The models that come with the program: few steps, or the many steps of the one that the fast one was distilled from. */
const bundledModel = oneOf(["fast", "quality"]);
export type BundledModel = v.InferOutput<typeof bundledModel>;

/** A checkpoint's folder, or the name of a bundled one. */
const model = v.pipe(
  text,
  v.check(
    (name) => v.is(bundledModel, name) || ABSOLUTE_PATH.test(name),
    'must be "fast", "quality" or an absolute path',
  ),
);

/** What loading and computing depend on. `model` null is the server's own `--model`. */
const computation = {
  model: orDefault(model),
  width: orDefault(number),
  height: orDefault(number),
  steps: orDefault(number),
  guidanceScale: orDefault(number),
  resolutionBinning: v.optional(flag, true),
  vaeTiling: v.optional(vaeTiling, "auto"),
  provider: v.optional(provider, "auto"),
  precision: v.optional(precision, "auto"),
};

/** Image-to-image: a PNG to start from and how much of it is redrawn, above 0 up to 1. */
const startImage = v.strictObject({ path, strength: orDefault(number) });

const GenerateParams = v.strictObject({
  token,
  prompt: text,
  negativePrompt: v.optional(text, ""),
  ...computation,
  seed: orDefault(seed),
  scheduler: orDefault(scheduler),
  /** Whether the complex human instruction goes before the prompt, where the model was trained with it. */
  humanInstruction: v.optional(flag, true),
  image: orDefault(startImage),
  /** Longest side of the previews that `sana/preview` brings after each step; null for none. */
  previews: orDefault(
    v.strictObject({
      maxSide: v.pipe(count, v.minValue(16, "must be 16 or more"), v.maxValue(512, "must be 512 or less")),
    }),
  ),
  output: v.strictObject({
    path,
    /** `error` refuses, `number` writes name-2.png, name-3.png … beside it, `overwrite` replaces it. */
    ifExists: v.optional(oneOf(["error", "number", "overwrite"]), "error"),
  }),
  /** Whether the PNG holds the parameters that it was made with. */
  metadata: v.optional(flag, true),
});

const Notice = v.strictObject({
  /**
   * `provider-choice` comes with the first picture of a model: what `auto` chose and why, a fall-back included.
   * `converting`: weights were converted to 8 or 4 bits, which takes long and happens once.
   */
  kind: oneOf(["prompt-truncated", "negative-prompt-truncated", "precision-fallback", "provider-choice", "converting"]),
  /** One line for people. */
  message: text,
});

const GenerateResult = v.strictObject({
  /** Where the PNG is: `number` may have changed its name. */
  path: text,
  seed,
  width: count,
  height: count,
  steps: count,
  guidanceScale: number,
  scheduler,
  /** The model's name and the hash of its weights. */
  model: text,
  modelHash: text,
  provider: usedProvider,
  precision: usedPrecision,
  /** Seconds by phase (queued, start, check, prompt, image, load, steps, decode, save), and `total` of all. */
  timings: v.record(v.string(), number),
  /** What the user should know about a picture that was made. */
  notices: v.array(Notice),
});

/**
 * Client → server, to make one picture. Answered when the file is on the disk, or with an error when nothing was
 * written. Until then the server sends `$/progress`, `sana/queue` and, where asked for, `sana/preview` for its token.
 */
export const GenerateRequest = { method: "sana/generate", params: GenerateParams, result: GenerateResult } as const;
/** As a client writes it: what has a default may be left out. */
export type GenerateParams = v.InferInput<typeof GenerateParams>;
export type GenerateResult = v.InferOutput<typeof GenerateResult>;
export type GenerateNotice = v.InferOutput<typeof Notice>;

const GenerationProgress = v.strictObject({
  stage: oneOf(["queued", "load", "read-prompt", "read-image", "steps", "decode", "save"]),
  /** In `steps`: the steps that are done, 0 … total. In `queued`: how many pictures come before. Else 0. */
  step: count,
  /** In `steps`: the steps that will run. Else 0. */
  total: count,
  /** Of the whole picture, 0 … 1; never falls. */
  fraction: number,
  /** Null until it can be told. */
  secondsLeft: v.nullable(number),
});

/** Server → client, the `value` of `$/progress` whose `token` is the picture's: when a stage begins, after each step. */
export type GenerationProgress = v.InferOutput<typeof GenerationProgress>;

const Preview = v.strictObject({
  token,
  /** 1 … total. */
  step: count,
  total: count,
  width: count,
  height: count,
  /** The PNG in base64: of a picture as small as this one, some 30 KB. */
  png: text,
});

/** Server → client, after each step of a picture that asked for previews: what the model sees now, small. */
export const PreviewNotification = { method: "sana/preview", params: Preview } as const;
export type Preview = v.InferOutput<typeof Preview>;

const state = oneOf(["idle", "loading", "generating"]);
const queue = v.array(
  v.strictObject({
    token,
    /** 0 is being made, 1 comes next. */
    position: count,
  }),
);
const loadedModel = v.nullable(v.strictObject({ folder: text, name: text }));

const Queue = v.strictObject({ state, queue, model: loadedModel });

/** Server → client, whenever a picture joins or leaves the queue, the state changes, or a model comes or goes. */
export const QueueNotification = { method: "sana/queue", params: Queue } as const;
export type Queue = v.InferOutput<typeof Queue>;

const NoParams = v.optional(v.nullable(v.strictObject({})), null);

const StatusResult = v.strictObject({
  programVersion: text,
  state,
  queue,
  /** How far the picture at position 0 is. */
  progress: v.nullable(v.strictObject({ token, value: GenerationProgress })),
  /** What is loaded; kept until another model is asked for, `sana/unload`, or the idle time is over. */
  model: loadedModel,
  /** Where the loaded model computes; null where none is. */
  provider: v.nullable(usedProvider),
  precision: v.nullable(usedPrecision),
  /** The processor or graphics card, as it calls itself. */
  deviceName: text,
  /** Resident memory of the server and of its worker; the worker's is 0 while there is none. */
  memory: v.strictObject({ server: count, worker: count }),
  uptimeSeconds: number,
  /** After how long without a picture the model is unloaded. */
  idleSeconds: number,
});

/** Client → server, at any time; answered at once, also while a picture is being made. */
export const StatusRequest = { method: "sana/status", params: NoParams, result: StatusResult } as const;
export type StatusResult = v.InferOutput<typeof StatusResult>;

const ModelsParams = v.strictObject({
  /** Checkpoints, or folders that hold some directly below them. The server's own model comes first without asking, then the bundled ones. */
  folders: v.optional(v.pipe(v.array(path, "must be a list"), v.maxLength(100, "must be at most 100 folders")), []),
});

export const ErrorData = v.object({
  code: oneOf(Object.keys(ERROR_CODES) as [ErrorCode, ...ErrorCode[]]),
  /** With `insufficient-memory`: what is needed and what is free. */
  neededBytes: v.optional(count),
  freeBytes: v.optional(count),
});
/** The `data` of every error that a SanaError stands behind. */
export type ErrorData = v.InferOutput<typeof ErrorData>;

const Model = v.strictObject({
  folder: text,
  name: text,
  /** The name of one that comes with the program. */
  bundled: v.nullable(bundledModel),
  pipeline: oneOf(["SanaPipeline", "SanaSprintPipeline"]),
  /** Sprint needs 1 to 4 steps and knows no negative prompt. */
  sprint: flag,
  /** Size of all weight files. */
  bytes: count,
  /** Sizes [width, height] that it was trained for, where they are known: presets. */
  sizes: v.array(v.tuple([count, count])),
  /** Whether every size is allowed, made at the nearest size of a table, resized and cropped. */
  anySize: flag,
  /** Otherwise, or with `resolutionBinning: false`, both sides must be multiples of this. */
  sizeMultiple: count,
  maxSide: count,
  schedulers: v.array(scheduler),
  defaults: v.strictObject({
    width: count,
    height: count,
    steps: count,
    guidanceScale: number,
    scheduler,
    strength: number,
  }),
});
const UnusableModel = v.strictObject({
  folder: text,
  error: v.strictObject({ code: ErrorData.entries.code, message: text }),
});

const ModelsResult = v.strictObject({ models: v.array(v.union([Model, UnusableModel])) });

/** Client → server, to learn what can be chosen. Reads configurations and headers, never weights. */
export const ModelsRequest = { method: "sana/models", params: ModelsParams, result: ModelsResult } as const;
export type ModelsResult = v.InferOutput<typeof ModelsResult>;

const EstimateParams = v.strictObject({ ...computation, image: orDefault(startImage) });

const EstimateResult = v.strictObject({
  /**
   * The least memory that the picture can be made with, and what is free for it now, what the worker already holds
   * included. Where more is free, networks stay loaded from one picture to the next.
   */
  neededBytes: count,
  freeBytes: count,
  /** Whether `sana/generate` would be allowed to try. */
  fits: flag,
  /** From the request to the file, were it made next; null until the server has made a picture with that model. */
  seconds: v.nullable(number),
  /** The size at which it is made before it is resized to what was asked for. */
  generationSize: v.strictObject({ width: count, height: count }),
});

/** Client → server, before a picture is asked for: what it would cost. Loads nothing. */
export const EstimateRequest = { method: "sana/estimate", params: EstimateParams, result: EstimateResult } as const;
export type EstimateParams = v.InferInput<typeof EstimateParams>;
export type EstimateResult = v.InferOutput<typeof EstimateResult>;

const UnloadResult = v.strictObject({
  /** `busy`: pictures are being made or waited for; nothing was done. */
  outcome: oneOf(["unloaded", "not-loaded", "busy"]),
});

/** Client → server, to give the memory of the loaded model back now. Answered when it is free. */
export const UnloadRequest = { method: "sana/unload", params: NoParams, result: UnloadResult } as const;
export type UnloadResult = v.InferOutput<typeof UnloadResult>;

const InspectImageParams = v.strictObject({ path });

const ImageParameters = v.strictObject({
  prompt: text,
  negativePrompt: text,
  /** Null where the noise came from a file. */
  seed: v.nullable(seed),
  width: count,
  height: count,
  steps: count,
  guidanceScale: number,
  scheduler: text,
  model: text,
  modelHash: text,
  precision: text,
  humanInstruction: flag,
  maxSequenceLength: count,
  resolutionBinning: flag,
  vaeTiling: text,
  latentsSha256: v.nullable(text),
  strength: v.nullable(number),
  sourceImageSha256: v.nullable(text),
  programVersion: text,
});

const InspectImageResult = v.strictObject({
  /** Null for a PNG that holds none, and for one that this program did not make. */
  parameters: v.nullable(ImageParameters),
});

/** Client → server, to learn how a picture was made. An error with `invalid-input-file` for what is no sound PNG. */
export const InspectImageRequest = {
  method: "sana/inspectImage",
  params: InspectImageParams,
  result: InspectImageResult,
} as const;
export type ImageParameters = v.InferOutput<typeof ImageParameters>;
export type InspectImageResult = v.InferOutput<typeof InspectImageResult>;

/** How the pictures of a workspace are looked at. */
const assetsContext = {
  /**
   * Whether the workspace is trusted. Where not, its manifests may name bundled models alone.
   */
  trusted: flag,
  /** The model of assets that name none; null is the server's own. */
  model: orDefault(model),
};

const AssetsSettings = v.strictObject(assetsContext);

/**
 * Client → server, after `initialized` and whenever one of them changes: what the server as language server of
 * sana.assets.json (diagnostics, code lenses, hovers) goes by. Until then no workspace is trusted.
 */
export const AssetsSettingsNotification = { method: "sana/assetsSettings", params: AssetsSettings } as const;
export type AssetsSettings = v.InferOutput<typeof AssetsSettings>;

const CheckAssetsParams = v.strictObject({ manifest: path, ...assetsContext });

const CheckAssetsResult = v.strictObject({
  assets: v.array(
    v.strictObject({
      path: text,
      state: oneOf(["up-to-date", "missing", "out-of-date", "conflict", "invalid"]),
      /** One line on why it is not up to date; empty where it is. */
      reason: text,
    }),
  ),
  /** Files that were made for assets which the manifest no longer holds. */
  orphans: v.array(text),
});

/**
 * Client → server, to learn what of a sana.assets.json is not up to date; the same is published as diagnostics of it.
 * An error with `invalid-input-file` names the place where the file is wrong.
 */
export const CheckAssetsRequest = {
  method: "sana/checkAssets",
  params: CheckAssetsParams,
  result: CheckAssetsResult,
} as const;
export type CheckAssetsParams = v.InferInput<typeof CheckAssetsParams>;
export type CheckAssetsResult = v.InferOutput<typeof CheckAssetsResult>;

const BuildAssetsParams = v.strictObject({
  token,
  manifest: path,
  ...assetsContext,
  /** Paths of the assets to make; null for all. */
  only: orDefault(v.array(text)),
  /** Whether files that were not made from this manifest, or were changed since, may be replaced. */
  overwrite: v.optional(flag, false),
  provider: v.optional(provider, "auto"),
  precision: v.optional(precision, "auto"),
  metadata: v.optional(flag, true),
});

const BuildAssetsResult = v.strictObject({
  built: v.array(text),
  upToDate: v.array(text),
  failed: v.array(v.strictObject({ path: text, message: text })),
  orphans: v.array(text),
});

/**
 * Client → server, to make what of a sana.assets.json is missing or out of date. What fails is reported and the rest is
 * made; a cancellation keeps what is finished. Until it is answered, `$/progress` brings `AssetsProgress` for its token.
 */
export const BuildAssetsRequest = {
  method: "sana/buildAssets",
  params: BuildAssetsParams,
  result: BuildAssetsResult,
} as const;
export type BuildAssetsParams = v.InferInput<typeof BuildAssetsParams>;
export type BuildAssetsResult = v.InferOutput<typeof BuildAssetsResult>;

export interface AssetsProgress {
  /** `waiting`: another program, or another window, makes the same assets. */
  readonly stage: "waiting" | "building";
  /** The asset that is being made; empty while waiting. */
  readonly path: string;
  /** Of `total` assets that are not up to date, `index` are done, failed ones included. */
  readonly index: number;
  readonly total: number;
  /** How many of those that are done could not be made. */
  readonly failed: number;
  /** Of the asset at `path`, 0 … 1. */
  readonly fraction: number;
}

/** What the language server of sana.assets.json calls things, in the language of who reads it. */
const AssetsLabels = v.strictObject({
  generate: text,
  open: text,
  "up-to-date": text,
  missing: text,
  "out-of-date": text,
  conflict: text,
  invalid: text,
  failed: text,
  /** Why an asset is not up to date; {0} stands for the file or the files. */
  reasons: v.strictObject({
    "does-not-exist": text,
    "do-not-exist": text,
    interrupted: text,
    "other-parameters": text,
    "other-model": text,
    "not-from-manifest": text,
    changed: text,
  }),
});
export type AssetsLabels = v.InferOutput<typeof AssetsLabels>;

export const ENGLISH_LABELS: AssetsLabels = {
  generate: "Generate",
  open: "Open",
  "up-to-date": "Up to date",
  missing: "Missing",
  "out-of-date": "Out of date",
  conflict: "Not made by Sana",
  invalid: "Cannot be made",
  failed: "Failed",
  reasons: {
    "does-not-exist": "{0} does not exist",
    "do-not-exist": "{0} do not exist",
    interrupted: "the last build of it was interrupted, or it was another asset's",
    "other-parameters": "it was made with other parameters",
    "other-model": "it was made with another model",
    "not-from-manifest": "{0} exists, but was not made from this manifest",
    changed: "{0} was changed since it was made",
  },
};

/** The commands behind the code lenses of sana.assets.json; their arguments are its URI and the asset's path. */
export const ASSET_COMMANDS = { generate: "sana.generateAsset", open: "sana.openAsset" } as const;

/**
 * Client → server, `initializationOptions` of LSP's `initialize`. Another protocol version is refused with
 * `protocol-version`; `initialize` may then be sent again. With `processId` the server ends when that process does.
 */
export const InitializationOptions = v.object({
  protocolVersion: v.pipe(v.number("must be a number"), v.safeInteger("must be a whole number")),
  assetsLabels: v.optional(AssetsLabels, ENGLISH_LABELS),
});

/** Server → client, under `capabilities.experimental.sana` in the answer to `initialize`. */
export const ServerCapabilities = v.strictObject({ protocolVersion: count, programVersion: text });
