import { createHash } from "node:crypto";
import { SanaError } from "../errors";
import { regularFile, withOpenFile, type RegularFile } from "./files";
import { hasNonFinite } from "./finite-scan";
import { IntegrityCache, type FileIntegrity } from "./integrity-cache";
import type { StoredTensor, WeightDirectory } from "./weights";
import { isFloatDtype, type FloatDtype } from "./widen";

/** Two buffers of this size are in memory. A multiple of every element size, so that no number is cut in two. */
const CHUNK_BYTES = 8 * 1024 * 1024;

/**
 * Reads every weight file of some components and returns the SHA-256 of each in hexadecimal. What was found is kept in
 * `cacheFolder` for as long as a file's path, size and modification time stay the same. Throws `invalid-weights` naming
 * file and tensor where a weight is not finite, and the signal's reason when it is aborted.
 */
export async function checkWeights(
  components: readonly WeightDirectory[],
  cacheFolder: string,
  signal?: AbortSignal,
): Promise<string[]> {
  const cache = await IntegrityCache.load(cacheFolder);
  const hashes: string[] = [];
  for (const [path, tensors] of tensorsByFile(components)) {
    const file = await regularFile(path, "invalid-weights");
    let integrity = cache.get(file);
    if (integrity === undefined) {
      integrity = await inspectFile(file, tensors, signal);
      // A file that was replaced meanwhile is what the next call will read, not what this one has read.
      const after = await regularFile(path, "invalid-weights");
      if (after.size === file.size && after.mtimeNs === file.mtimeNs) cache.set(file, integrity);
      await cache.save();
    }
    const { sha256, nonFiniteTensor } = integrity;
    if (nonFiniteTensor !== null) {
      throw new SanaError(
        "invalid-weights",
        `${path}: the tensor "${nonFiniteTensor}" has numbers that are not finite`,
      );
    }
    hashes.push(sha256);
  }
  return hashes;
}

/**
 * One hash for a model: SHA-256, in hexadecimal, of the SHA-256 of its weight files, in hexadecimal, sorted and
 * joined without anything between them. It does not depend on how the files are called or distributed over folders.
 */
export function modelHash(fileHashes: readonly string[]): string {
  return createHash("sha256")
    .update([...fileHashes].sort().join(""))
    .digest("hex");
}

/** A run of bytes to be read at once. `dtype` is null for what holds no floats: the header, integers. */
interface Piece {
  readonly offset: number;
  readonly length: number;
  readonly tensor: string;
  readonly dtype: FloatDtype | null;
}

/** One pass over a file: the hash of all of its bytes, and the first of its float tensors that is not finite. */
async function inspectFile(
  file: RegularFile,
  tensors: ReadonlyMap<string, StoredTensor>,
  signal: AbortSignal | undefined,
): Promise<FileIntegrity> {
  return withOpenFile(file.path, "invalid-weights", async (read) => {
    const hash = createHash("sha256");
    let nonFiniteTensor: string | null = null;
    const pieces = piecesOf(file, tensors);
    const buffers = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)] as const;
    const start = async (index: number): Promise<Uint8Array> => {
      const { offset, length } = pieces[index]!;
      const bytes = buffers[index % 2 === 0 ? 0 : 1].subarray(0, length);
      await read(bytes, offset);
      return bytes;
    };
    // The next piece is read while this one is hashed.
    let next = start(0);
    for (const [index, { tensor, dtype }] of pieces.entries()) {
      const bytes = await next;
      signal?.throwIfAborted();
      if (index + 1 < pieces.length) next = start(index + 1);
      hash.update(bytes);
      if (nonFiniteTensor === null && dtype !== null && hasNonFinite(bytes, dtype)) nonFiniteTensor = tensor;
    }
    return { sha256: hash.digest("hex"), nonFiniteTensor };
  });
}

/** The whole file in order, each piece inside one tensor, so that its numbers begin at the start of a buffer. */
function piecesOf(file: RegularFile, tensors: ReadonlyMap<string, StoredTensor>): Piece[] {
  const pieces: Piece[] = [];
  let covered = 0;
  const cover = (end: number, tensor: string, dtype: FloatDtype | null): void => {
    while (covered < end) {
      const length = Math.min(CHUNK_BYTES, end - covered);
      pieces.push({ offset: covered, length, tensor, dtype });
      covered += length;
    }
  };
  for (const [name, tensor] of [...tensors].sort(([, a], [, b]) => a.offset - b.offset)) {
    cover(tensor.offset, "", null);
    cover(tensor.offset + tensor.byteLength, name, isFloatDtype(tensor.dtype) ? tensor.dtype : null);
  }
  cover(file.size, "", null);
  return pieces;
}

/** The tensors of all components by the file that holds them. */
function tensorsByFile(components: readonly WeightDirectory[]): Map<string, Map<string, StoredTensor>> {
  const files = new Map<string, Map<string, StoredTensor>>();
  for (const { tensors } of components) {
    for (const [name, tensor] of tensors) {
      const known = files.get(tensor.file);
      if (known === undefined) files.set(tensor.file, new Map([[name, tensor]]));
      else known.set(name, tensor);
    }
  }
  return files;
}
