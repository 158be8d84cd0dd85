import { SanaError } from "../errors";
import { regularFile, withOpenFile } from "./files";
import { DTYPE_BYTES, headerLength, LENGTH_BYTES, parseHeader, type SafetensorsHeader } from "./safetensors-header";
import { QUANTIZATION_BLOCK, type StoredTensor, type WeightDirectory } from "./weights";
import { isFloatDtype, widenToFloat32 } from "./widen";

/** Bytes read and widened at a time: large enough for full disk speed, small beside the tensors themselves. */
const READ_CHUNK_BYTES = 16 * 1024 * 1024;

/** A safetensors file that has passed every check of its header. `file` is absolute and free of symbolic links. */
export interface SafetensorsFile extends SafetensorsHeader {
  readonly file: string;
}

/**
 * Reads and checks the header of a safetensors file; the tensors stay on disk. Throws `invalid-weights` naming the file
 * where it is missing, unreadable or truncated, or where anything in its header is not as it should be.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const { path: file, size: fileSize } = await regularFile(path, "invalid-weights");
  return withOpenFile(path, "invalid-weights", async (read) => {
    const source = { path, file, fileSize };
    const prefix = new Uint8Array(Math.min(LENGTH_BYTES, fileSize));
    await read(prefix, 0);
    const header = new Uint8Array(headerLength(prefix, source));
    await read(header, LENGTH_BYTES);
    return { file, ...parseHeader(header, source) };
  });
}

/** All elements of a float tensor, row-major. Throws `invalid-weights` for any dtype but F32, F16, BF16 and F64. */
export async function readTensor(tensor: StoredTensor): Promise<Float32Array> {
  const { file, dtype, offset, byteLength } = tensor;
  if (!isFloatDtype(dtype)) {
    throw new SanaError("invalid-weights", `${file} holds a tensor as ${dtype} where F32, F16, BF16 or F64 is needed`);
  }
  return withOpenFile(file, "invalid-weights", async (read) => {
    const values = new Float32Array(byteLength / DTYPE_BYTES[dtype]);
    const buffer = new Uint8Array(Math.min(READ_CHUNK_BYTES, byteLength));
    for (let done = 0; done < byteLength; done += READ_CHUNK_BYTES) {
      const chunk = buffer.subarray(0, byteLength - done);
      await read(chunk, offset + done);
      values.set(widenToFloat32(chunk, dtype), done / DTYPE_BYTES[dtype]);
    }
    return values;
  });
}

/**
 * Rows of a matrix in the given order as float32 [rows.length, columns], reading nothing but these rows. The matrix may
 * be stored as floats, as `int8-rows` or as `int4-blocks` (see weights.ts). Throws `invalid-weights` where the matrix
 * or its scales are missing or malformed, and `invalid-parameter` for a row that it does not have.
 */
export async function readRows(weights: WeightDirectory, name: string, rows: readonly number[]): Promise<Float32Array> {
  const matrix = matrixNamed(weights, name);
  const [rowCount, storedColumns] = matrix.shape as [number, number];
  const missing = rows.find((row) => !Number.isInteger(row) || row < 0 || row >= rowCount);
  if (missing !== undefined) {
    throw new SanaError(
      "invalid-parameter",
      `${matrix.file}: "${name}" has no row ${missing}, only 0 to ${rowCount - 1}`,
    );
  }
  const stored = await readStoredRows(matrix, rows);
  if (isFloatDtype(matrix.dtype)) return widenToFloat32(stored, matrix.dtype);

  const packed = matrix.dtype === "U8";
  const columns = packed ? 2 * storedColumns : storedColumns;
  const scale = weights.tensors.get(`${name}.scale`);
  const scaleShape = packed ? [rowCount, columns / QUANTIZATION_BLOCK] : [rowCount];
  const fits = scale?.shape.length === scaleShape.length && scale.shape.every((size, i) => size === scaleShape[i]);
  if (!fits || !isFloatDtype(scale.dtype) || (matrix.dtype !== "I8" && !packed)) {
    throw new SanaError(
      "invalid-weights",
      `${matrix.file}: "${name}" is stored as ${matrix.dtype}; floats are allowed, or I8 or U8 with float scales [${scaleShape.join(", ")}]`,
    );
  }
  const scales = widenToFloat32(await readStoredRows(scale, rows), scale.dtype);
  const values = packed ? unpackInt4(stored) : Float32Array.from(new Int8Array(stored.buffer));
  const block = values.length / scales.length;
  for (let i = 0; i < values.length; i += 1) values[i]! *= scales[Math.floor(i / block)]!;
  return values;
}

/** A tensor to be written. `data.length` is the product of `shape`. */
export type TensorToWrite =
  | { readonly dtype: "F32"; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: "I64"; readonly shape: readonly number[]; readonly data: BigInt64Array };

/**
 * The bytes of a safetensors file. The same tensors give the same bytes, whatever their order; every tensor starts at
 * a multiple of its element size.
 */
export function serializeSafetensors(tensors: Readonly<Record<string, TensorToWrite>>): Uint8Array {
  // The widest elements come first, as in the reference implementation, so that no tensor needs padding before it.
  const entries = Object.entries(tensors).sort(
    ([nameA, a], [nameB, b]) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype] || (nameA < nameB ? -1 : 1),
  );
  let end = 0;
  const described = entries.map(([name, { dtype, shape, data }]) => {
    const begin = end;
    end += data.byteLength;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(described)));
  const headerBytes = Math.ceil(json.byteLength / 8) * 8;
  const bytes = new Uint8Array(LENGTH_BYTES + headerBytes + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  bytes.set(json, LENGTH_BYTES);
  let offset = LENGTH_BYTES + headerBytes;
  for (const [, { data }] of entries) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += data.byteLength;
  }
  return bytes;
}

function matrixNamed(weights: WeightDirectory, name: string): StoredTensor {
  const matrix = weights.tensors.get(name);
  if (matrix === undefined) {
    throw new SanaError("invalid-weights", `${weights.folder}: the tensor "${name}" is missing`);
  }
  if (matrix.shape.length !== 2) {
    throw new SanaError("invalid-weights", `${matrix.file}: "${name}" has ${matrix.shape.length} axes; a matrix has 2`);
  }
  return matrix;
}

/** The bytes of some entries along the first axis, one after the other. */
async function readStoredRows(tensor: StoredTensor, rows: readonly number[]): Promise<Uint8Array> {
  const rowBytes = tensor.byteLength / tensor.shape[0]!;
  const bytes = new Uint8Array(rows.length * rowBytes);
  await withOpenFile(tensor.file, "invalid-weights", async (read) => {
    for (const [i, row] of rows.entries()) {
      await read(bytes.subarray(i * rowBytes, (i + 1) * rowBytes), tensor.offset + row * rowBytes);
    }
  });
  return bytes;
}

/** Two numbers from −8 to 7 a byte, the earlier one in the low half. */
function unpackInt4(packed: Uint8Array): Float32Array {
  const values = new Float32Array(2 * packed.length);
  for (let i = 0; i < packed.length; i += 1) {
    values[2 * i] = (packed[i]! & 15) - 8;
    values[2 * i + 1] = (packed[i]! >> 4) - 8;
  }
  return values;
}
