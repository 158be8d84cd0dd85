import { SanaError } from "../errors";

/** A picture's size of a table: its key, which rounds height / width, its height and its width in pixels. */
type Bin = readonly [ratio: number, height: number, width: number];

// Both tables and what belongs to which model are those of the reference: ASPECT_RATIO_1024_BIN and _2048_BIN of
// diffusers pipelines/pixart_alpha. The keys are rounded unevenly, so that they cannot be computed from the sizes.
const BINS_1024: readonly Bin[] = [
  [0.25, 512, 2048],
  [0.28, 512, 1856],
  [0.32, 576, 1792],
  [0.33, 576, 1728],
  [0.35, 576, 1664],
  [0.4, 640, 1600],
  [0.42, 640, 1536],
  [0.48, 704, 1472],
  [0.5, 704, 1408],
  [0.52, 704, 1344],
  [0.57, 768, 1344],
  [0.6, 768, 1280],
  [0.68, 832, 1216],
  [0.72, 832, 1152],
  [0.78, 896, 1152],
  [0.82, 896, 1088],
  [0.88, 960, 1088],
  [0.94, 960, 1024],
  [1, 1024, 1024],
  [1.07, 1024, 960],
  [1.13, 1088, 960],
  [1.21, 1088, 896],
  [1.29, 1152, 896],
  [1.38, 1152, 832],
  [1.46, 1216, 832],
  [1.67, 1280, 768],
  [1.75, 1344, 768],
  [2, 1408, 704],
  [2.09, 1472, 704],
  [2.4, 1536, 640],
  [2.5, 1600, 640],
  [3, 1728, 576],
  [4, 2048, 512],
];

const BINS_2048: readonly Bin[] = [
  [0.25, 1024, 4096],
  [0.26, 1024, 3968],
  [0.27, 1024, 3840],
  [0.28, 1024, 3712],
  [0.32, 1152, 3584],
  [0.33, 1152, 3456],
  [0.35, 1152, 3328],
  [0.4, 1280, 3200],
  [0.42, 1280, 3072],
  [0.48, 1408, 2944],
  [0.5, 1408, 2816],
  [0.52, 1408, 2688],
  [0.57, 1536, 2688],
  [0.6, 1536, 2560],
  [0.68, 1664, 2432],
  [0.72, 1664, 2304],
  [0.78, 1792, 2304],
  [0.82, 1792, 2176],
  [0.88, 1920, 2176],
  [0.94, 1920, 2048],
  [1, 2048, 2048],
  [1.07, 2048, 1920],
  [1.13, 2176, 1920],
  [1.21, 2176, 1792],
  [1.29, 2304, 1792],
  [1.38, 2304, 1664],
  [1.46, 2432, 1664],
  [1.67, 2560, 1536],
  [1.75, 2688, 1536],
  [2, 2816, 1408],
  [2.09, 2944, 1408],
  [2.4, 3072, 1280],
  [2.5, 3200, 1280],
  [2.89, 3328, 1152],
  [3, 3456, 1152],
  [3.11, 3584, 1152],
  [3.62, 3712, 1024],
  [3.75, 3840, 1024],
  [3.88, 3968, 1024],
  [4, 4096, 1024],
];

/** Table and scale for each sample_size of a transformer; 512 px and 4096 px halve and double the two tables. */
const TABLES: ReadonlyMap<number, { bins: readonly Bin[]; scale: number }> = new Map([
  [16, { bins: BINS_1024, scale: 0.5 }],
  [32, { bins: BINS_1024, scale: 1 }],
  [64, { bins: BINS_2048, scale: 1 }],
  [128, { bins: BINS_2048, scale: 2 }],
]);

/**
 * The size, in pixels, at which a model of `sampleSize` was trained and whose aspect ratio is nearest to the given
 * one. Throws `invalid-checkpoint` for a `sampleSize` without a table.
 */
export function classifyHeightWidth(options: { height: number; width: number; sampleSize: number }): {
  height: number;
  width: number;
} {
  const table = TABLES.get(options.sampleSize);
  if (table === undefined) {
    throw new SanaError(
      "invalid-checkpoint",
      `sample_size ${options.sampleSize} of the transformer has no table of sizes (allowed: ${[...TABLES.keys()].join(", ")}); ` +
        "turn resolution binning off",
    );
  }
  const ratio = options.height / options.width;
  const distance = ([key]: Bin): number => Math.abs(key - ratio);
  // Of two keys at the same distance the first one counts.
  const [, height, width] = table.bins.reduce((best, bin) => (distance(bin) < distance(best) ? bin : best));
  return { height: height * table.scale, width: width * table.scale };
}
