import { open, type FileHandle } from "node:fs/promises";
import { withOpenFile } from "./files";
import { quantizeBlocks, quantizeRows } from "./quantize";
import { DTYPE_BYTES, LENGTH_BYTES } from "./safetensors-header";
import { QUANTIZATION_BLOCK, type StoredDtype, type StoredTensor, type WeightDirectory } from "./weights";
import { isFloatDtype, widenToFloat32, type FloatDtype } from "./widen";

/** About this many bytes of the source are in memory at a time. */
const CHUNK_BYTES = 16 * 1024 * 1024;

/** A tensor of the new file. */
interface Entry {
  readonly name: string;
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
}

/** What becomes of one tensor of the source: the same bytes, or integers and their scales. */
interface Conversion {
  readonly source: StoredTensor;
  readonly entries: readonly [Entry] | readonly [Entry, Entry];
}

/**
 * Writes the safetensors file `path`, which must not exist: the source's tensors that `includes` names, those that
 * `isMatrix` names (and that are floats) quantised to `int8-rows`, or to `int4-blocks` where their rows divide into
 * blocks. Reads and writes a few megabytes at a time. Throws the file system's error where the file cannot be written,
 * and `invalid-weights` where the source cannot be read.
 */
export async function writeQuantizedFile(
  source: WeightDirectory,
  path: string,
  options: {
    bits: 4 | 8;
    includes: (name: string) => boolean;
    isMatrix: (name: string) => boolean;
    signal?: AbortSignal | undefined;
  },
): Promise<void> {
  const conversions = [...source.tensors]
    .filter(([name]) => options.includes(name))
    .map(([name, tensor]): Conversion => {
      if (!options.isMatrix(name) || !isFloatDtype(tensor.dtype)) {
        return { source: tensor, entries: [{ name, dtype: tensor.dtype, shape: tensor.shape }] };
      }
      return { source: tensor, entries: quantizedEntries(name, tensor.shape, options.bits) };
    });
  const { header, offsets } = layOut(conversions.flatMap(({ entries }) => entries));
  const handle = await open(path, "wx");
  try {
    await writeAt(handle, header, 0);
    for (const { source: tensor, entries } of conversions) {
      options.signal?.throwIfAborted();
      const [data, scale] = entries.map(({ name }) => offsets.get(name)!) as [number, number | undefined];
      if (scale === undefined) await copy(tensor, handle, data);
      else await quantize(tensor, handle, { data, scale, dtype: entries[0].dtype });
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The integers lie in the shape of the layer, 4-bit ones as a matrix of half the columns. */
function quantizedEntries(name: string, shape: readonly number[], bits: 4 | 8): readonly [Entry, Entry] {
  const rows = shape[0]!;
  const columns = product(shape.slice(1));
  const scale = `${name}.scale`;
  if (bits === 4 && columns % QUANTIZATION_BLOCK === 0) {
    return [
      { name, dtype: "U8", shape: [rows, columns / 2] },
      { name: scale, dtype: "F32", shape: [rows, columns / QUANTIZATION_BLOCK] },
    ];
  }
  return [
    { name, dtype: "I8", shape },
    { name: scale, dtype: "F32", shape: [rows] },
  ];
}

/** The header of a file of these tensors, and where in the file each of them begins. */
function layOut(entries: readonly Entry[]): { header: Uint8Array; offsets: Map<string, number> } {
  // The widest elements come first, so that none needs padding before it.
  const ordered = [...entries].sort((a, b) => DTYPE_BYTES[b.dtype] - DTYPE_BYTES[a.dtype]);
  const begins = new Map<string, number>();
  let end = 0;
  const described = ordered.map(({ name, dtype, shape }) => {
    const begin = end;
    end += product(shape) * DTYPE_BYTES[dtype];
    begins.set(name, begin);
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(described)));
  const header = new Uint8Array(LENGTH_BYTES + Math.ceil(json.byteLength / 8) * 8).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(header.byteLength - LENGTH_BYTES), true);
  header.set(json, LENGTH_BYTES);
  const offsets = new Map([...begins].map(([name, begin]) => [name, header.byteLength + begin]));
  return { header, offsets };
}

async function copy(tensor: StoredTensor, target: FileHandle, offset: number): Promise<void> {
  await inChunks(tensor, CHUNK_BYTES, (bytes, done) => writeAt(target, bytes, offset + done));
}

async function quantize(
  tensor: StoredTensor,
  target: FileHandle,
  place: { data: number; scale: number; dtype: StoredDtype },
): Promise<void> {
  const columns = product(tensor.shape.slice(1));
  const rowBytes = columns * DTYPE_BYTES[tensor.dtype];
  const chunk = Math.max(1, Math.floor(CHUNK_BYTES / rowBytes)) * rowBytes;
  let [data, scale] = [place.data, place.scale];
  await inChunks(tensor, chunk, async (bytes) => {
    const values = widenToFloat32(bytes, tensor.dtype as FloatDtype);
    const quantized = place.dtype === "U8" ? quantizeBlocks(values) : quantizeRows(values, columns);
    await writeAt(target, bytesOf(quantized.data), data);
    await writeAt(target, bytesOf(quantized.scales), scale);
    data += quantized.data.byteLength;
    scale += quantized.scales.byteLength;
  });
}

async function inChunks(
  tensor: StoredTensor,
  chunkBytes: number,
  use: (bytes: Uint8Array, done: number) => Promise<void>,
): Promise<void> {
  const buffer = new Uint8Array(Math.min(chunkBytes, tensor.byteLength));
  await withOpenFile(tensor.file, "invalid-weights", async (read) => {
    for (let done = 0; done < tensor.byteLength; done += chunkBytes) {
      const bytes = buffer.subarray(0, tensor.byteLength - done);
      await read(bytes, tensor.offset + done);
      await use(bytes, done);
    }
  });
}

async function writeAt(target: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) {
    done += (await target.write(bytes, done, bytes.byteLength - done, position + done)).bytesWritten;
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: Int8Array | Uint8Array | Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total * size, 1);
}
