import * as v from "valibot";
import { ASSET_PATH, DEVICE_NAME } from "./asset-path";

/**
 * What a sana.assets.json may say. The JSON schema that the extension contributes is made from this file by
 * esbuild.mjs; its readers see the descriptions. What depends on several values or on the model is checked in
 * manifest.ts and plan.ts.
 */

/** Far above what a workspace needs; keeps a mistake from filling a disk. */
const MAX_ASSETS = 1000;
const MAX_SIZES = 50;
const MAX_SIDE = 8192;
const MAX_STEPS = 1000;
const MAX_TEXT = 100_000;

const FORMATS = ["png", "webp", "jpeg"] as const;
const DENSITIES = ["1x", "2x", "3x", "4x"] as const;

const text = (description: string) =>
  v.pipe(
    v.string("must be a string"),
    v.maxLength(MAX_TEXT, `must be at most ${MAX_TEXT} characters`),
    v.description(description),
  );

const whole = (limits: { min: number; max: number }, description: string) => {
  const message = `must be a whole number from ${limits.min} to ${limits.max}`;
  return v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(limits.min, message),
    v.maxValue(limits.max, message),
    v.description(description),
  );
};

const path = (description: string) =>
  v.pipe(
    v.string("must be a string"),
    v.maxLength(500, "must be at most 500 characters"),
    v.regex(
      ASSET_PATH,
      'must be a path inside this file\'s folder, with "/" between folders, without ".." and characters that Windows refuses',
    ),
    v.check((value) => !DEVICE_NAME.test(value), "must not hold the name of a Windows device"),
    v.description(description),
  );

const pixels = (description: string) => whole({ min: 1, max: MAX_SIDE }, description);

const size = v.union(
  [
    pixels("A copy so many pixels wide, in its own file: 32 makes icon-32.png of icon.png."),
    v.pipe(
      v.picklist(DENSITIES),
      v.description(
        'For screens of that density: with "2x", icon.png is half as large as it is made and icon@2x.png is all of it.',
      ),
    ),
    v.strictObject(
      {
        path: path("File of this copy, relative to this file's folder."),
        width: pixels("Width of this copy in pixels; the height follows."),
      },
      strictMessage,
    ),
  ],
  `must be a width in pixels, one of ${DENSITIES.join(", ")}, or an object with path and width`,
);

const SEED_MESSAGE = "must be a whole number from 0, as a string where it is above 9007199254740991";

/** What an asset and the defaults can say. */
const settings = {
  negativePrompt: v.optional(text("What the picture should not show.")),
  width: v.optional(pixels("Width in pixels at which the picture is made. Default: the model's.")),
  height: v.optional(pixels("Height in pixels at which the picture is made. Default: the model's.")),
  seed: v.optional(
    v.pipe(
      v.union(
        [
          v.pipe(v.number(SEED_MESSAGE), v.safeInteger(SEED_MESSAGE), v.minValue(0, SEED_MESSAGE)),
          v.pipe(
            v.string(SEED_MESSAGE),
            v.regex(/^[0-9]{1,19}$/, SEED_MESSAGE),
            v.check((digits) => BigInt(digits) < 2n ** 63n, "must be below 2^63"),
          ),
        ],
        SEED_MESSAGE,
      ),
      v.description("The same seed gives the same picture. Default: 0."),
    ),
  ),
  steps: v.optional(whole({ min: 1, max: MAX_STEPS }, "Denoising steps. Default: the model's.")),
  guidanceScale: v.optional(
    v.pipe(
      v.number("must be a number"),
      v.finite("must be a finite number"),
      v.description("How closely to follow the prompt. Default: the model's."),
    ),
  ),
  style: v.optional(text('Added to the prompt after a comma, such as "flat vector illustration".')),
  model: v.optional(
    v.pipe(
      text(
        'Folder of a checkpoint, absolute or relative to this file\'s folder, or one of the models that come with Sana: "fast" or "quality". Default: "fast", unless the settings name another.',
      ),
      v.nonEmpty("must not be empty"),
    ),
  ),
  format: v.optional(
    v.pipe(
      v.picklist(FORMATS, `must be one of ${FORMATS.join(", ")}`),
      v.description("File format. Default: what the path's extension says, png where it has none."),
    ),
  ),
  sizes: v.optional(
    v.pipe(
      v.array(size, "must be a list"),
      v.maxLength(MAX_SIZES, `must be at most ${MAX_SIZES} sizes`),
      v.description("Copies of other sizes that are made of the same picture."),
    ),
  ),
  transparent: v.optional(
    v.pipe(
      v.boolean("must be true or false"),
      v.description("Make the even background transparent. Not possible with jpeg."),
    ),
  ),
};

const asset = v.strictObject(
  {
    path: path("File of the picture, relative to this file's folder. Other programs may not write it."),
    prompt: v.pipe(text("What the picture shows."), v.nonEmpty("must not be empty")),
    alt: v.optional(text("What the picture shows, for those who cannot see it.")),
    ...settings,
  },
  strictMessage,
);

export const ManifestSchema = v.pipe(
  v.strictObject(
    {
      $schema: v.optional(v.string("must be a string")),
      defaults: v.optional(
        v.pipe(
          v.strictObject(settings, strictMessage),
          v.description("Used by every asset that does not say otherwise."),
        ),
        {},
      ),
      assets: v.pipe(
        v.array(asset, "must be a list"),
        v.maxLength(MAX_ASSETS, `must be at most ${MAX_ASSETS} assets`),
        v.description("The pictures of this workspace."),
      ),
    },
    strictMessage,
  ),
  v.title("Pictures of a workspace, made by Sana"),
);

export type ManifestContents = v.InferOutput<typeof ManifestSchema>;
export type AssetEntry = ManifestContents["assets"][number];
export type AssetSize = v.InferOutput<typeof size>;
export type AssetFormat = (typeof FORMATS)[number];

/** For an object with a key too many, a key too few, or something that is no object. */
function strictMessage({ expected }: v.BaseIssue<unknown>): string {
  if (expected === "never") return "is not known here";
  return expected === "Object" ? "must be an object" : "is missing";
}
