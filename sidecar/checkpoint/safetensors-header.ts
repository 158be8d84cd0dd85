import { SanaError } from "../errors";
import { parsePythonJson } from "./python-json";
import type { StoredDtype, StoredTensor } from "./weights";

/**
 * A real header has about 120 bytes a tensor, a few hundred kilobytes for the largest checkpoint. The format allows 100 MB,
 * but a hostile header of that size takes gigabytes and half a minute to parse.
 */
const MAX_HEADER_BYTES = 16_000_000;

/** Bytes before the header: its length as a little-endian unsigned 64-bit number. */
export const LENGTH_BYTES = 8;

/** More axes than any tensor of the layout has (four), so that a shape stays cheap to check and to print. */
const MAX_RANK = 8;

/** Longer than any real tensor's name, and short enough for a message. */
const MAX_NAME_LENGTH = 512;

export const DTYPE_BYTES: Readonly<Record<StoredDtype, number>> = {
  F32: 4,
  F16: 2,
  BF16: 2,
  F64: 8,
  I8: 1,
  U8: 1,
  I16: 2,
  I32: 4,
  I64: 8,
  BOOL: 1,
};

/** The contents of a safetensors header. Tensors are in the order in which they lie in the file. */
export interface SafetensorsHeader {
  readonly tensors: Map<string, StoredTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Where a header comes from. */
export interface HeaderSource {
  /** The file as its user knows it, for messages. */
  readonly path: string;
  /** The same file, absolute and without symbolic links. */
  readonly file: string;
  readonly fileSize: number;
}

/**
 * The header's length in bytes, from the first eight bytes of the file. Throws `invalid-weights` where
 * the file is shorter than it claims.
 */
export function headerLength(prefix: Uint8Array, source: HeaderSource): number {
  if (prefix.byteLength < LENGTH_BYTES) {
    throw invalid(source, `it has ${prefix.byteLength} bytes, too few for a safetensors file`);
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    throw invalid(source, `its header claims ${length} bytes; at most ${MAX_HEADER_BYTES} are allowed`);
  }
  if (LENGTH_BYTES + Number(length) > source.fileSize) {
    throw invalid(source, `its header claims ${length} bytes, but the file has only ${source.fileSize}`);
  }
  return Number(length);
}

/**
 * Checks a header in full, so that nothing after it needs to check again: known dtypes, shapes whose products do not
 * overflow and fit their bytes, and tensors that cover the rest of the file without gap or overlap. Throws
 * `invalid-weights` for anything else.
 */
export function parseHeader(bytes: Uint8Array, source: HeaderSource): SafetensorsHeader {
  const json = parsePythonJson(bytes, source.path, "invalid-weights");
  if (!isObject(json)) throw invalid(source, "its header is not a JSON object");
  const dataStart = LENGTH_BYTES + bytes.byteLength;
  const metadata = parseMetadata(json["__metadata__"], source);
  const entries = Object.entries(json)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, entry]) => ({ name, tensor: parseTensor(name, entry, { source, dataStart }) }))
    .sort((a, b) => a.tensor.offset - b.tensor.offset || a.tensor.byteLength - b.tensor.byteLength);
  requireFullCoverage(entries, dataStart, source);
  return { tensors: new Map(entries.map(({ name, tensor }) => [name, tensor])), metadata };
}

function parseTensor(name: string, entry: unknown, file: { source: HeaderSource; dataStart: number }): StoredTensor {
  const { source, dataStart } = file;
  const about = `the tensor ${quote(name)}`;
  if (name.length > MAX_NAME_LENGTH) throw invalid(source, `${about}… has a name of ${name.length} characters`);
  if (!isObject(entry)) throw invalid(source, `${about} is not described by a JSON object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isStoredDtype(dtype)) {
    const allowed = Object.keys(DTYPE_BYTES).join(", ");
    throw invalid(source, `${about} has the dtype ${quote(dtype)}; allowed are ${allowed}`);
  }
  if (!isSizeList(shape) || shape.length > MAX_RANK) {
    throw invalid(source, `${about} has an invalid shape; up to ${MAX_RANK} whole numbers from 0 up are allowed`);
  }
  if (!isSizeList(offsets) || offsets.length !== 2) {
    throw invalid(source, `${about} has invalid data_offsets; two whole numbers from 0 up are needed`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > source.fileSize - dataStart) {
    const available = source.fileSize - dataStart;
    throw invalid(
      source,
      `${about} claims the bytes ${begin} to ${end} of ${available}: the file is truncated or damaged`,
    );
  }
  let byteLength = DTYPE_BYTES[dtype];
  for (const size of shape) {
    byteLength *= size;
    if (!Number.isSafeInteger(byteLength))
      throw invalid(source, `${about} has an impossible shape [${shape.join(", ")}]`);
  }
  if (byteLength !== end - begin) {
    throw invalid(source, `${about}, ${dtype} [${shape.join(", ")}], does not fit its ${end - begin} bytes`);
  }
  return { dtype, shape, file: source.file, offset: dataStart + begin, byteLength };
}

/** The format asks for data without holes, which also rules out overlaps and bytes that nobody accounts for. */
function requireFullCoverage(
  entries: readonly { name: string; tensor: StoredTensor }[],
  dataStart: number,
  source: HeaderSource,
): void {
  let covered = dataStart;
  for (const { name, tensor } of entries) {
    if (tensor.offset < covered) throw invalid(source, `the tensor ${quote(name)} overlaps another one`);
    if (tensor.offset > covered) throw invalid(source, `there is a hole before the tensor ${quote(name)}`);
    covered += tensor.byteLength;
  }
  if (covered !== source.fileSize) {
    throw invalid(source, `its tensors end at byte ${covered}, but the file has ${source.fileSize}`);
  }
}

function parseMetadata(value: unknown, source: HeaderSource): ReadonlyMap<string, string> {
  if (value === undefined || value === null) return new Map();
  if (!isObject(value)) throw invalid(source, "its __metadata__ is not a JSON object");
  return new Map(
    Object.entries(value).map(([key, text]) => {
      if (typeof text !== "string") throw invalid(source, `its __metadata__ ${quote(key)} is not a string`);
      return [key, text];
    }),
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isStoredDtype(value: unknown): value is StoredDtype {
  return typeof value === "string" && Object.hasOwn(DTYPE_BYTES, value);
}

function isSizeList(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}

/** A value from the file for a message: short, whatever it is. */
function quote(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : `(${typeof value})`;
}

function invalid(source: HeaderSource, reason: string): SanaError {
  return new SanaError("invalid-weights", `${source.path} is not a valid safetensors file: ${reason}`);
}
