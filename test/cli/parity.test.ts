import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, describe, it } from "node:test";
import { decodePng } from "../../sidecar/image/png-decoder";
import { goldenCheckpoint, readSafetensors, WITHOUT_GPU, type RawTensor } from "./fixtures";
import { runCli } from "./run-cli";

/** One call of the command line and what the reference made of it; see test/golden/README.md. */
interface Golden {
  readonly checkpoint: string;
  readonly command: "embed" | "generate" | "decode" | "encode" | "tokenize";
  /** Everything on the command line but the checkpoint, the files and the outputs. */
  readonly options: readonly string[];
  /** Option to input file below test/golden. */
  readonly files: Readonly<Record<string, string>>;
  /** embed: rows of the embeddings, and how many of them hold a token. */
  readonly rows?: number;
  readonly validRows?: number;
  /** decode: the shape of the image tensor; only every `stride`-th value is kept. */
  readonly image?: { readonly shape: readonly number[]; readonly stride: number };
  /** generate and decode: the 8-bit picture, sampled likewise. */
  readonly picture?: { readonly width: number; readonly height: number; readonly stride: number };
  /** tokenize. */
  readonly ids?: readonly number[];
}

// Relative L2. float32 against float64 differs by up to 7.2e-6 in the reference itself, most of it from the angles of
// the rotary embedding, and any one term of the encoder moves these goldens by at least 100 times as much.
const EMBEDDING_TOLERANCE = 2e-5;

// Relative L2. float32 against float64 differs by up to 1.4e-5 after 20 steps with guidance (7e-7 for a picture alone);
// another order of summation doubles that. Any one term moves these goldens by at least 1e-2.
const LATENTS_TOLERANCE = 1e-4;

// A value that falls almost halfway between two of the 256 levels may be rounded to either of them. With an error of
// 1e-4 that happens to about one value in a hundred.
const LEVEL_TOLERANCE = 1;
const LARGEST_SHARE_OF_OTHER_LEVELS = 0.02;

const GOLDEN = "test/golden";
const scratch = mkdtempSync(join(tmpdir(), "sana-parity-"));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

// Two at a time: every process spends part of its life on one core, starting and building its graphs.
describe("parity with the reference implementation", { concurrency: 2 }, () => {
  const names = readdirSync(join(GOLDEN, "expected"))
    .filter((file) => file.endsWith(".json"))
    .map((file) => basename(file, ".json"));
  assert.notEqual(names.length, 0);
  for (const name of names) {
    const golden = JSON.parse(readFileSync(join(GOLDEN, "expected", `${name}.json`), "utf8")) as Golden;
    it(name, () => check(name, golden));
  }
});

async function check(name: string, golden: Golden): Promise<void> {
  const checkpoint = goldenCheckpoint(golden.checkpoint);
  const stdout = (args: readonly string[]): Promise<string> =>
    run([golden.command, ...args, ...golden.options, ...inputFiles(golden)]);
  const png = join(scratch, `${name}.png`);
  const tensors = join(scratch, `${name}.safetensors`);

  switch (golden.command) {
    case "tokenize": {
      const answer = JSON.parse(await stdout(["--tokenizer", join(checkpoint, "tokenizer")])) as unknown;
      assert.deepEqual(answer, { ids: golden.ids });
      return;
    }
    case "embed":
      await stdout(["--model", checkpoint, "--output", tensors]);
      checkEmbeddings(readSafetensors(tensors), expectedTensors(name), golden);
      return;
    case "encode":
      await stdout(["--model", checkpoint, "--output", tensors]);
      assertClose(readSafetensors(tensors)["latents"], expectedTensors(name)["latents"]!, LATENTS_TOLERANCE);
      return;
    case "decode":
      await stdout(["--model", checkpoint, "--output", png, "--save-image-tensor", tensors]);
      checkImage(readSafetensors(tensors)["image"], expectedTensors(name)["image_sample"]!, golden);
      checkPicture(png, expectedTensors(name)["picture_sample"]!, golden);
      return;
    case "generate":
      await stdout(["--model", checkpoint, "--output", png, "--save-latents", tensors]);
      assertClose(readSafetensors(tensors)["latents"], expectedTensors(name)["latents"]!, LATENTS_TOLERANCE);
      checkPicture(png, expectedTensors(name)["picture_sample"]!, golden);
  }
}

/** stdout of a call that must succeed. */
async function run(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, {
    env: { ...WITHOUT_GPU, XDG_CACHE_HOME: join(scratch, "cache") },
  });
  assert.equal(code, 0, stderr);
  return stdout;
}

function inputFiles({ files }: Golden): string[] {
  return Object.entries(files).flatMap(([option, file]) => [option, join(GOLDEN, file)]);
}

function expectedTensors(name: string): Record<string, RawTensor> {
  return readSafetensors(join(GOLDEN, "expected", `${name}.safetensors`));
}

/** Rows without a token are free, so that only the valid ones are kept and compared. */
function checkEmbeddings(
  actual: Record<string, RawTensor>,
  expected: Record<string, RawTensor>,
  { rows, validRows }: Golden,
): void {
  const embeds = expected["prompt_embeds"]!;
  const hidden = embeds.shape[2]!;
  const { prompt_embeds: actualEmbeds, prompt_attention_mask: actualMask } = actual;
  assert.deepEqual([actualEmbeds?.dtype, actualEmbeds?.shape], ["F32", [1, rows, hidden]]);
  assert.deepEqual([actualMask?.dtype, actualMask?.shape], ["I64", [1, rows]]);
  const mask = Array.from({ length: rows! }, (_, row) => Number(actualMask!.bytes.readBigInt64LE(8 * row)));
  assert.deepEqual(
    mask,
    mask.map((_, row) => (row < validRows! ? 1 : 0)),
  );
  const valid = actualEmbeds!.bytes.subarray(0, 4 * validRows! * hidden);
  assertClose({ ...actualEmbeds!, shape: [1, validRows!, hidden], bytes: valid }, embeds, EMBEDDING_TOLERANCE);
}

function checkImage(actual: RawTensor | undefined, expected: RawTensor, { image }: Golden): void {
  assert.deepEqual(actual?.shape, image!.shape);
  const sample = floats(actual).filter((_, i) => i % image!.stride === 0);
  assertClose({ ...actual, shape: [sample.length], bytes: Buffer.from(sample.buffer) }, expected, LATENTS_TOLERANCE);
}

function checkPicture(path: string, expected: RawTensor, { picture }: Golden): void {
  const { width, height, data } = decodePng(readFileSync(path), path);
  assert.deepEqual({ width, height }, { width: picture!.width, height: picture!.height });
  const levels = floats(expected);
  const differences = levels.map((level, i) => Math.abs(level - data[i * picture!.stride]!));
  const largest = differences.reduce((a, b) => Math.max(a, b), 0);
  assert.ok(largest <= LEVEL_TOLERANCE, `a level differs by ${largest}`);
  const share = differences.filter((difference) => difference > 0).length / levels.length;
  assert.ok(share <= LARGEST_SHARE_OF_OTHER_LEVELS, `${(100 * share).toFixed(2)} % of the levels differ`);
}

/** Fails unless the shapes agree and the relative L2 distance is at most `tolerance`. */
function assertClose(actual: RawTensor | undefined, expected: RawTensor, tolerance: number): void {
  assert.deepEqual([actual?.dtype, actual?.shape], ["F32", expected.shape]);
  const [a, b] = [floats(actual!), floats(expected)];
  let [difference, norm] = [0, 0];
  for (const [i, value] of b.entries()) {
    difference += (a[i]! - value) ** 2;
    norm += value ** 2;
  }
  const distance = Math.sqrt(difference / norm);
  assert.ok(distance <= tolerance, `relative L2 ${distance.toExponential(2)} is above ${tolerance}`);
}

function floats({ bytes }: RawTensor): Float32Array {
  return new Float32Array(Uint8Array.from(bytes).buffer);
}
