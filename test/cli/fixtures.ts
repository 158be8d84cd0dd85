import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A folder of one test: everything that the command line could touch lies below it. */
export interface Workplace {
  /** Holds all that follows but the cache. */
  readonly folder: string;
  /** A checkpoint that the test may damage. */
  readonly checkpoint: string;
  /** Where the command line is started. */
  readonly out: string;
  /** Environment that keeps caches, temporary files and the home folder inside the workplace. */
  readonly env: Readonly<Record<string, string>>;
}

/** Hides every GPU, so that tests compute the same on every machine. */
export const WITHOUT_GPU = { CUDA_VISIBLE_DEVICES: "-1", VK_DRIVER_FILES: "/dev/null", VK_ICD_FILENAMES: "/dev/null" };

/** Runs `use` in a fresh workplace with a copy of one of the goldens' tiny checkpoints and removes it afterwards. */
export async function withWorkplace(
  use: (place: Workplace) => Promise<void>,
  { checkpoint = "sana-1.0" }: { checkpoint?: string } = {},
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), "sana-test-"));
  const folder = join(root, "work");
  const place = {
    folder,
    checkpoint: join(folder, "checkpoint"),
    out: join(folder, "out"),
    env: { HOME: folder, TMPDIR: folder, XDG_CACHE_HOME: join(root, "cache"), ...WITHOUT_GPU },
  };
  try {
    mkdirSync(place.out, { recursive: true });
    cpSync(goldenCheckpoint(checkpoint), place.checkpoint, { recursive: true });
    await use(place);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** The absolute path of one of the goldens' checkpoints, which no test may change. */
export function goldenCheckpoint(name: string): string {
  return resolve("test/golden/checkpoints", name);
}

/** The absolute path of one of the goldens' input files. */
export function goldenInput(name: string): string {
  return resolve("test/golden/inputs", name);
}

/** The shortest complete job: one step at the smallest size, a few tokens. */
export const TINY_JOB = ["--width", "32", "--height", "32", "--steps", "1", "--no-resolution-binning"] as const;

/** Makes a pipe, which whoever opens it to read waits for, for ever. */
export function makePipe(path: string): void {
  execFileSync("bash", ["-c", 'mkfifo "$1"', "bash", path]);
}

/** Changes the object that a JSON file holds. */
export function editJson(path: string, edit: (json: Record<string, unknown>) => void): void {
  // Python writes this number into scheduler configurations; JSON.parse does not know it.
  const json = JSON.parse(readFileSync(path, "utf8").replaceAll("-Infinity", "null")) as Record<string, unknown>;
  edit(json);
  writeFileSync(path, JSON.stringify(json));
}

/** One tensor as a safetensors file holds it. */
export interface RawTensor {
  dtype: string;
  shape: number[];
  bytes: Buffer;
}

interface HeaderEntry {
  dtype: unknown;
  shape: unknown;
  data_offsets: unknown;
}
export type Header = Record<string, HeaderEntry>;

/** The bytes of a safetensors file whose header is any text; the length that it claims may be another one. */
export function safetensorsBytes(
  header: string,
  data: Uint8Array = new Uint8Array(),
  claimedLength = BigInt(Buffer.byteLength(header)),
): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimedLength);
  return Buffer.concat([length, Buffer.from(header), data]);
}

export function writeSafetensors(path: string, tensors: Readonly<Record<string, RawTensor>>): void {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
    const begin = end;
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const data = Buffer.concat(Object.values(tensors).map(({ bytes }) => bytes));
  writeFileSync(path, safetensorsBytes(JSON.stringify(Object.fromEntries(entries)), data));
}

export function readSafetensors(path: string): Record<string, RawTensor> {
  const { header, data } = splitSafetensors(path);
  const tensors = Object.entries(header).map(([name, { dtype, shape, data_offsets: offsets }]) => {
    const [begin, end] = offsets as [number, number];
    return [name, { dtype, shape, bytes: Buffer.from(data.subarray(begin, end)) }];
  });
  return Object.fromEntries(tensors) as Record<string, RawTensor>;
}

/** Changes the tensors of a safetensors file, which stays a valid one. */
export function editTensors(path: string, edit: (tensors: Record<string, RawTensor>) => void): void {
  const tensors = readSafetensors(path);
  edit(tensors);
  writeSafetensors(path, tensors);
}

/** Changes what the header of a safetensors file says and leaves its data as they are. */
export function editHeader(path: string, edit: (header: Header) => void): void {
  const { header, data } = splitSafetensors(path);
  edit(header);
  writeFileSync(path, safetensorsBytes(JSON.stringify(header), data));
}

/** A tensor of float32 numbers. */
export function float32Tensor(shape: readonly number[], valueAt: (index: number) => number): RawTensor {
  const length = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length }, (_, index) => valueAt(index));
  return { dtype: "F32", shape: [...shape], bytes: Buffer.from(values.buffer) };
}

function splitSafetensors(path: string): { header: Header; data: Buffer } {
  const bytes = readFileSync(path);
  const dataStart = 8 + Number(bytes.readBigUInt64LE());
  const header = JSON.parse(bytes.subarray(8, dataStart).toString()) as Header;
  delete header["__metadata__"];
  return { header, data: bytes.subarray(dataStart) };
}
