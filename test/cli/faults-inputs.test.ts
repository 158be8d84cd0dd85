import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { deflateSync } from "node:zlib";
import { assertRefused } from "./assert-refused";
import {
  float32Tensor,
  goldenCheckpoint,
  goldenInput,
  makePipe,
  safetensorsBytes,
  TINY_JOB,
  withWorkplace,
  writeSafetensors,
  type RawTensor,
} from "./fixtures";
import { greyPng, pngChunk, pngFile, pngHeader } from "./png-bytes";

const MODEL = ["--model", goldenCheckpoint("sana-1.0")];
const SPRINT = ["--model", goldenCheckpoint("sprint")];
const JOB = ["generate", "a fox", ...TINY_JOB];

/** What latents of a 32×32 picture look like to the checkpoint with 8 channels. */
const FITTING = float32Tensor([1, 8, 1, 1], (index) => index / 8);

interface BadFile {
  readonly name: string;
  readonly make: (path: string) => void;
  /** What the error must say besides the file's name. */
  readonly says?: RegExp;
}

function bytes(name: string, contents: () => Uint8Array, says?: RegExp): BadFile {
  return {
    name,
    make: (path) => {
      writeFileSync(path, contents());
    },
    ...(says === undefined ? {} : { says }),
  };
}

function tensors(name: string, contents: Readonly<Record<string, RawTensor>>, says = /latents/): BadFile {
  return {
    name,
    says,
    make: (path) => {
      writeSafetensors(path, contents);
    },
  };
}

/** Refused whatever kind of file is needed. */
const NO_FILES: readonly BadFile[] = [
  { name: "missing", make: () => undefined },
  {
    name: "a folder",
    make: (path) => {
      mkdirSync(path);
    },
  },
  { name: "a pipe that never ends", make: makePipe },
  {
    name: "a device that never ends",
    make: (path) => {
      symlinkSync("/dev/zero", path);
    },
  },
  {
    name: "a link to itself",
    make: (path) => {
      symlinkSync(path, path);
    },
  },
  bytes("empty", () => Buffer.alloc(0)),
  bytes("text", () => Buffer.from("a red fox")),
];

const LATENTS: readonly BadFile[] = [
  bytes("cut off", () => {
    const whole = readFileSync(goldenInput("generate-1.0.safetensors"));
    return whole.subarray(0, whole.length - 100);
  }),
  bytes("a picture", () => readFileSync(goldenInput("picture.png"))),
  bytes("a safetensors file without tensors", () => safetensorsBytes("{}"), /latents/),
  bytes("a safetensors file with a huge header", () => safetensorsBytes("{}", undefined, 2n ** 62n)),
  tensors("without a tensor latents", { Latents: FITTING }),
  tensors("with a tensor __proto__ alone", Object.fromEntries([["__proto__", FITTING]])),
  tensors("latents of three axes", { latents: { ...FITTING, shape: [8, 1, 1] } }),
  tensors("latents of two pictures", { latents: float32Tensor([2, 8, 1, 1], () => 0) }),
  tensors("latents of no picture", { latents: float32Tensor([0, 8, 1, 1], () => 0) }),
  tensors("latents of other channels", { latents: float32Tensor([1, 4, 1, 1], () => 0) }),
  tensors("latents of float16", { latents: { dtype: "F16", shape: [1, 8, 1, 1], bytes: Buffer.alloc(16) } }),
  tensors("latents of float64", { latents: { dtype: "F64", shape: [1, 8, 1, 1], bytes: Buffer.alloc(64) } }),
  tensors("latents of integers", { latents: { dtype: "I32", shape: [1, 8, 1, 1], bytes: Buffer.alloc(32) } }),
  tensors("latents with NaN", { latents: float32Tensor([1, 8, 1, 1], (index) => (index === 7 ? NaN : 0)) }),
  tensors("latents with an infinity", {
    latents: float32Tensor([1, 8, 1, 1], (index) => (index === 0 ? Infinity : 0)),
  }),
];

/** Right for `decode`, whose picture has the size of its latents, wrong for a picture of 32×32. */
const LATENTS_OF_ANOTHER_SIZE: readonly BadFile[] = [
  tensors("latents of another height", { latents: float32Tensor([1, 8, 2, 1], () => 0) }),
  tensors("latents of another width", { latents: float32Tensor([1, 8, 1, 2], () => 0) }),
];

/** For a Sprint job of three steps, which needs the noise of two. */
const STEP_NOISE: readonly BadFile[] = [
  tensors("noise of too few steps", { latents: FITTING, step_noise: FITTING }, /step_noise/),
  tensors("noise of no step", { latents: FITTING, step_noise: float32Tensor([0, 8, 1, 1], () => 0) }, /step_noise/),
  tensors(
    "noise of another size",
    { latents: FITTING, step_noise: float32Tensor([2, 8, 2, 1], () => 0) },
    /step_noise/,
  ),
  tensors("noise of three axes", { latents: FITTING, step_noise: float32Tensor([16, 1, 1], () => 0) }, /step_noise/),
  tensors("noise with NaN", { latents: FITTING, step_noise: float32Tensor([2, 8, 1, 1], () => NaN) }, /step_noise/),
];

const picture = (): Buffer => readFileSync(goldenInput("picture.png"));

/** Where the pixels' chunk begins in a file: the length comes before the type. */
function pixelsAt(png: Buffer): number {
  return png.indexOf("IDAT") - 4;
}

const PICTURES: readonly BadFile[] = [
  bytes("nothing but the signature", () => picture().subarray(0, 8)),
  bytes("cut within its header", () => picture().subarray(0, 20)),
  bytes("cut within its pixels", () => picture().subarray(0, 20_000)),
  bytes("cut before its end mark", () => picture().subarray(0, -12)),
  bytes("a JPEG", () => Buffer.from("ffd8ffe000104a46494600010101004800480000ffdb", "hex")),
  bytes("a safetensors file", () => readFileSync(goldenInput("decode.safetensors"))),
  bytes(
    "damaged in its header",
    () => {
      const png = picture();
      png[18]! ^= 1;
      return png;
    },
    /checksum/,
  ),
  bytes(
    "damaged in its pixels",
    () => {
      const png = picture();
      png[pixelsAt(png) + 100]! ^= 1;
      return png;
    },
    /checksum/,
  ),
  bytes(
    "declaring 60000×60000",
    () => pngFile(pngHeader({ width: 60_000, height: 60_000 }), pngChunk("IDAT", Buffer.alloc(64))),
    /60000/,
  ),
  bytes("declaring 2^32 − 1 columns", () =>
    pngFile(pngHeader({ width: 2 ** 32 - 1, height: 1 }), pngChunk("IDAT", Buffer.alloc(64))),
  ),
  bytes("declaring no rows", () => pngFile(pngHeader({ width: 32, height: 0 }), pngChunk("IDAT", Buffer.alloc(64)))),
  bytes("declaring 7 bits", () =>
    pngFile(pngHeader({ width: 32, height: 32, depth: 7 }), pngChunk("IDAT", Buffer.alloc(64))),
  ),
  bytes("declaring colour type 5", () => pngFile(pngHeader({ width: 32, height: 32, colorType: 5 }))),
  bytes("without pixels", () => pngFile(pngHeader({ width: 32, height: 32 }))),
  bytes("without a header", () => pngFile(pngChunk("IDAT", Buffer.alloc(64)))),
  bytes("with two headers", () => pngFile(pngHeader({ width: 32, height: 32 }), pngHeader({ width: 32, height: 32 }))),
  bytes("without its palette", () =>
    pngFile(pngHeader({ width: 32, height: 32, colorType: 3 }), pngChunk("IDAT", deflateSync(Buffer.alloc(33 * 32)))),
  ),
  bytes("with fewer rows than it declares", () => greyPng(32, 32, 31)),
  // A gigabyte of zeros in a megabyte: must not be inflated.
  bytes("with far more rows than it declares", () => greyPng(32, 32, 500_000)),
  bytes("with a filter that does not exist", () =>
    pngFile(pngHeader({ width: 32, height: 32 }), pngChunk("IDAT", deflateSync(Buffer.alloc(97 * 32, 9)))),
  ),
  bytes("with pixels that are not compressed", () =>
    pngFile(pngHeader({ width: 32, height: 32 }), pngChunk("IDAT", Buffer.alloc(97 * 32))),
  ),
  bytes("with a chunk of 2^32 − 1 bytes", () => {
    const png = picture();
    png.writeUInt32BE(2 ** 32 - 1, pixelsAt(png));
    return png;
  }),
  bytes("with an unknown chunk that it needs", () =>
    pngFile(pngHeader({ width: 32, height: 32 }), pngChunk("FOXY", Buffer.alloc(4))),
  ),
];

/** Right for image-to-image, which resizes any picture. */
const PICTURES_OF_OTHER_SIZES: readonly BadFile[] = [
  bytes("33 pixels wide", () => greyPng(33, 32), /33×32/),
  bytes("31 pixels high", () => greyPng(32, 31), /32×31/),
  bytes("one pixel", () => greyPng(1, 1), /1×1/),
];

const PARAMETERS = "sana:parameters\0\0\0\0\0";
const text = (contents: string | Buffer): Buffer =>
  pngFile(
    pngHeader({ width: 1, height: 1 }),
    pngChunk("iTXt", Buffer.concat([Buffer.from(PARAMETERS), Buffer.from(contents)])),
  );

const PICTURES_WITHOUT_PARAMETERS: readonly BadFile[] = [
  bytes("of another program", picture, /parameters/),
  bytes("with parameters that are not JSON", () => text("a fox"), /parameters/),
  bytes("with parameters that are not UTF-8", () => text(Buffer.of(0xff, 0xfe))),
  bytes("with parameters that are a list", () => text("[]"), /parameters/),
  bytes("with parameters nested 1,000,000 deep", () => text("[".repeat(1_000_000)), /parameters/),
  bytes("with parameters of 20 MB", () => text(" ".repeat(20_000_000)), /bytes/),
  bytes("with a seed that is text", () => text('{"prompt":"a","negativePrompt":"","seed":"abc"}'), /parameters/),
];

const FILE = "input.dat";
const OUTPUT = ["--output", "out.file"];

const GROUPS: readonly (readonly [string, readonly BadFile[], readonly string[]])[] = [
  ["generate --latents", [...NO_FILES, ...LATENTS, ...LATENTS_OF_ANOTHER_SIZE], [...JOB, ...MODEL, "--latents", FILE]],
  ["generate --latents for Sprint", STEP_NOISE, [...JOB, ...SPRINT, "--steps", "3", "--latents", FILE]],
  ["decode --latents", [...NO_FILES, ...LATENTS], ["decode", ...MODEL, ...OUTPUT, "--latents", FILE]],
  ["generate --image", [...NO_FILES, ...PICTURES], [...JOB, ...MODEL, "--strength", "1", "--image", FILE]],
  ["encode --image", [...NO_FILES, ...PICTURES_OF_OTHER_SIZES], ["encode", ...MODEL, ...OUTPUT, "--image", FILE]],
  [
    "inspect",
    [...NO_FILES.filter(({ name }) => name !== "a folder"), ...PICTURES_WITHOUT_PARAMETERS],
    ["inspect", FILE],
  ],
  ["tokenize --tokenizer", NO_FILES, ["tokenize", "--text", "a", "--tokenizer", FILE]],
];

for (const [job, files, args] of GROUPS) {
  describe(`${job} refuses a file that is`, { concurrency: 4 }, () => {
    for (const { name, make, says } of files) {
      it(name, () =>
        withWorkplace(async (place) => {
          make(join(place.out, FILE));
          const names = new RegExp(says === undefined ? FILE : `${FILE}.*(${says.source})`);
          await assertRefused(place, args, { names });
        }),
      );
    }
  });
}
