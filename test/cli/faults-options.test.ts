import { describe, it } from "node:test";
import { assertRefused } from "./assert-refused";
import { goldenCheckpoint, goldenInput, withWorkplace } from "./fixtures";

const MODEL = ["--model", goldenCheckpoint("sana-1.0")];
const SPRINT = ["--model", goldenCheckpoint("sprint")];
const CORNERS = ["--model", goldenCheckpoint("corners")];
const TARGET = ["--output", "out.file"];
const IMAGE = ["--image", goldenInput("picture.png")];
const SEED_LIMIT = 2n ** 63n;

interface Refusal {
  readonly args: readonly string[];
  /** What the error must name. */
  readonly names: RegExp;
}

/** One option of `generate` with each of some values. */
function generate(option: string, values: readonly string[], also: readonly string[] = []): Refusal[] {
  return values.map((value) => ({
    args: ["generate", "a fox", ...MODEL, ...also, option, value],
    // Numbers that only a whole picture makes sense of are named without dashes.
    names: new RegExp(option.replace(/^--/, "").replaceAll("-", "[- ]")),
  }));
}

const NOT_WHOLE = ["", " ", "abc", "1.5", "NaN", "Infinity", "1e3", "0x20", "１２", "64px", "--json"];
const NOT_NUMBERS = ["", "abc", "nan", "NaN", "inf", "Infinity", "-Infinity", "1e999", "1,5", "0x10", "--json"];
const NOT_SEEDS = ["", "-1", "1.5", "abc", "1e3", "0x10", String(SEED_LIMIT), "9".repeat(1000), " 1", "--json"];

const NUMBERS: readonly Refusal[] = [
  ...generate("--width", [...NOT_WHOLE, "0", "-64", "8193", "9".repeat(400)]),
  ...generate("--height", ["0", "-64", "1.5", "100000"]),
  ...generate("--width", ["33", "31", "1"], ["--no-resolution-binning", "--height", "64"]),
  ...generate("--height", ["65"], ["--no-resolution-binning", "--width", "64"]),
  // Its transformer takes 2×2 latents of 32×32 pixels at a time.
  {
    args: ["generate", "a fox", ...CORNERS, "--no-resolution-binning", "--width", "96", "--height", "64"],
    names: /width.*64/,
  },
  ...generate("--steps", [...NOT_WHOLE, "0", "-1", "1001"]),
  ...generate("--guidance-scale", NOT_NUMBERS),
  ...generate("--seed", NOT_SEEDS),
  ...generate("--strength", [...NOT_NUMBERS, "0", "-0.5", "1.0001", "1e-20"], IMAGE),
  { args: ["generate", "a fox", ...MODEL, "--strength", "0.5"], names: /--image/ },
];

const CHOICES: readonly Refusal[] = [
  ...generate("--scheduler", ["", "ddim", "SCM", "constructor", "scm"]),
  ...generate("--vae-tiling", ["", "sometimes", "ON"]),
  ...generate("--provider", ["", "tpu", "webgpu", "cuda"]),
  ...generate("--precision", ["", "int2", "fp16"]),
  ...generate("--precision", ["int8", "int4"], ["--provider", "webgpu"]),
  { args: ["generate", "a fox", ...SPRINT, "--scheduler", "flow-dpm-solver"], names: /--scheduler/ },
  { args: ["generate", "a fox", ...SPRINT, "--scheduler", "flow-match-euler"], names: /--scheduler/ },
  // Without a GPU these cannot be used, and say what they would need.
  ...generate("--precision", ["fp16"], ["--provider", "cpu"]),
  {
    args: ["generate", "a fox", ...MODEL, "--provider", "webgpu", "--precision", "fp16"],
    names: /webgpu.*Vulkan.*docs/,
  },
  {
    args: ["embed", ...MODEL, "--prompt", "a", ...TARGET, "--provider", "cuda"],
    names: /--provider cuda.*NVIDIA.*docs/,
  },
  { args: ["embed", ...MODEL, "--prompt", "a", ...TARGET, "--precision", "fp16"], names: /--precision.*webgpu: / },
  { args: ["decode", ...MODEL, "--latents", "x", ...TARGET, "--provider", "webgpu"], names: /--provider/ },
  { args: ["decode", ...MODEL, "--latents", "x", ...TARGET, "--vae-tiling", "1"], names: /--vae-tiling/ },
  { args: ["encode", ...MODEL, ...IMAGE, ...TARGET, "--precision", "fp16"], names: /--precision/ },
  { args: ["serve", "--idle-minutes", "0"], names: /--idle-minutes/ },
  { args: ["serve", "--model", ""], names: /--model/ },
];

const PATHS: readonly Refusal[] = [
  { args: ["generate", "a fox", "--model", ""], names: /--model/ },
  { args: ["generate", "a fox", "--quality", "--model", "x"], names: /--quality.*--model/ },
  { args: ["assets", "--quality", "--model", "x"], names: /--quality.*--model/ },
  { args: ["embed", "--model", "", "--prompt", "a", ...TARGET], names: /--model/ },
  { args: ["decode", "--model", "", "--latents", "x", ...TARGET], names: /--model/ },
  { args: ["encode", "--model", "", ...IMAGE, ...TARGET], names: /--model/ },
  { args: ["tokenize", "--tokenizer", "", "--text", "a"], names: /--tokenizer/ },
  { args: ["tokenize", "--model", "", "--text", "a"], names: /--model/ },
  { args: ["tokenize", ...MODEL, "--tokenizer", "x", "--text", "a"], names: /--model.*--tokenizer/ },
  { args: ["inspect", ""], names: /path/ },
  ...generate("--output", [""]),
  ...generate("--latents", [""]),
  ...generate("--save-latents", [""]),
  ...generate("--image", [""]),
  ...generate("--previews", [""]),
];

const MISSING: readonly Refusal[] = [
  { args: [], names: /command/ },
  { args: ["generate"], names: /prompt/ },
  { args: ["generate", ...MODEL, "--prompt"], names: /--prompt/ },
  { args: ["generate", "a fox", "--width"], names: /--width/ },
  { args: ["embed", ...MODEL, ...TARGET], names: /--prompt/ },
  { args: ["embed", ...MODEL, "--prompt", "a"], names: /--output/ },
  { args: ["decode", ...MODEL, ...TARGET], names: /--latents/ },
  { args: ["decode", ...MODEL, "--latents", "x"], names: /--output/ },
  { args: ["encode", ...MODEL, ...TARGET], names: /--image/ },
  { args: ["encode", ...MODEL, ...IMAGE], names: /--output/ },
  { args: ["tokenize", "--tokenizer", "x"], names: /--text/ },
  { args: ["inspect"], names: /path/ },
];

const UNKNOWN: readonly Refusal[] = [
  { args: ["paint", "a fox"], names: /paint/ },
  { args: ["Generate", "a fox"], names: /Generate/ },
  { args: ["constructor"], names: /constructor/ },
  { args: ["--model", "x", "generate"], names: /--model/ },
  { args: ["generate", "a fox", "--widht", "64"], names: /--widht/ },
  { args: ["generate", "a fox", "-w", "64"], names: /-w/ },
  { args: ["generate", "a fox", "--__proto__", "64"], names: /--__proto__/ },
  { args: ["generate", "a", "fox"], names: /argument/ },
  { args: ["generate", "a fox", "--prompt", "a fox"], names: /prompt/ },
  { args: ["generate", "a fox", `--${"x".repeat(100_000)}`], names: /option/ },
  { args: ["embed", "a", ...MODEL, "--prompt", "a", ...TARGET], names: /argument/ },
  { args: ["inspect", "a", "b"], names: /argument/ },
];

const LENGTHS: readonly Refusal[] = ["0", "-1", "1.5", "abc", "", "100000000000"].map((value) => ({
  args: ["embed", ...MODEL, "--prompt", "a", ...TARGET, "--max-sequence-length", value],
  names: /--max-sequence-length/,
}));

const GROUPS = [
  ["a number that is not allowed", NUMBERS],
  ["a choice that does not exist", CHOICES],
  ["an empty path", PATHS],
  ["a missing option", MISSING],
  ["an unknown command, option or argument", UNKNOWN],
  ["a sequence length that is not allowed", LENGTHS],
] as const;

for (const [group, refusals] of GROUPS) {
  describe(group, { concurrency: 4 }, () => {
    for (const { args, names } of refusals) {
      const shown = args.map((arg) => JSON.stringify(arg.slice(0, 40).replace(/.*\//, ""))).join(" ");
      it(`is refused: ${shown}`, () =>
        withWorkplace(async (place) => {
          await assertRefused(place, args, { names });
        }));
    }
  });
}
