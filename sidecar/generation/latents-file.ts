import { createHash } from "node:crypto";
import { openSafetensors, readTensor } from "../checkpoint/safetensors";
import { SanaError } from "../errors";
import { readInputFile } from "../files/input-file";
import { isFiniteTensor, type FloatTensor } from "../tensor/float-tensor";

// A 4096-pixel picture has 32·128·128 numbers; a hundred times that is no picture any more.
const MAX_NUMBERS = 2 ** 26;
// Latents and the noise of a few steps.
const MAX_FILE_BYTES = 2 ** 30;

export interface LatentsFile {
  /** [1, C, h, w]. */
  readonly latents: FloatTensor;
  /** [K, C, h, w], or null where the file has none. */
  readonly stepNoise: FloatTensor | null;
  /** Of the whole file, for the record of how a picture was made. */
  readonly sha256: string;
}

/** Reads tensor "latents" and, where it is there, "step_noise". Throws `invalid-input-file` naming file and tensor. */
export async function readLatentsFile(path: string): Promise<LatentsFile> {
  const file = await asInput(openSafetensors(path));
  const read = async (name: string): Promise<FloatTensor | null> => {
    const tensor = file.tensors.get(name);
    if (tensor === undefined) return null;
    if (tensor.dtype !== "F32" || tensor.shape.length !== 4 || tensor.shape.slice(1).includes(0)) {
      throw refusal(
        path,
        `tensor "${name}" is ${tensor.dtype} [${tensor.shape.join(", ")}]; expected F32 of four axes`,
      );
    }
    if (tensor.byteLength > MAX_NUMBERS * 4) throw refusal(path, `tensor "${name}" is larger than any picture needs`);
    const data = await asInput(readTensor(tensor));
    if (!isFiniteTensor(data)) throw refusal(path, `tensor "${name}" has numbers that are not finite`);
    return { data, dims: tensor.shape };
  };
  const latents = await read("latents");
  if (latents === null) throw refusal(path, `there is no tensor "latents"`);
  if (latents.dims[0] !== 1) throw refusal(path, `tensor "latents" holds ${latents.dims[0]} pictures; expected 1`);
  const stepNoise = await read("step_noise");
  const sha256 = createHash("sha256")
    .update(await readInputFile(path, { maxBytes: MAX_FILE_BYTES }))
    .digest("hex");
  return { latents, stepNoise, sha256 };
}

/** Throws `invalid-input-file` unless the tensors fit the picture. */
export function checkLatents(path: string, file: LatentsFile, shape: readonly number[]): void {
  const { latents, stepNoise } = file;
  if (latents.dims.some((size, axis) => size !== shape[axis])) {
    throw refusal(path, `tensor "latents" is [${latents.dims.join(", ")}]; this picture needs [${shape.join(", ")}]`);
  }
  if (stepNoise?.dims.slice(1).some((size, axis) => size !== shape[axis + 1])) {
    const expected = ["K", ...shape.slice(1)].join(", ");
    throw refusal(path, `tensor "step_noise" is [${stepNoise.dims.join(", ")}]; this picture needs [${expected}]`);
  }
}

/** Throws `invalid-input-file` where a file with noise for Sprint's steps has too little of it for `stepCount` steps. */
export function checkStepNoise(path: string, { stepNoise }: LatentsFile, stepCount: number): void {
  // None is added after the last step.
  const needed = stepCount - 1;
  if (stepNoise !== null && stepNoise.dims[0]! < needed) {
    throw refusal(
      path,
      `tensor "step_noise" is noise for ${stepNoise.dims[0]!} steps; ${stepCount} steps need ${needed}`,
    );
  }
}

/** Faults of the file are the user's input here, not the checkpoint's weights. */
async function asInput<Result>(reading: Promise<Result>): Promise<Result> {
  try {
    return await reading;
  } catch (error) {
    throw error instanceof SanaError ? new SanaError("invalid-input-file", error.message, { cause: error }) : error;
  }
}

function refusal(path: string, what: string): SanaError {
  return new SanaError("invalid-input-file", `${path}: ${what}`);
}
