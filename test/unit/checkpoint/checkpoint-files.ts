import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after } from "node:test";
import { SanaError, type ErrorCode } from "../../../sidecar/errors";

/** A folder that is removed after the tests of the file that asks for it. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sana-checkpoint-"));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Writes files, given by their path in `folder`: bytes as they are, strings as text, anything else as JSON. */
export function writeFiles(folder: string, files: Record<string, unknown>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    const raw = typeof content === "string" || content instanceof Uint8Array;
    writeFileSync(path, raw ? content : JSON.stringify(content));
  }
}

/** The bytes of a safetensors file with any header, well-formed or not. `length` is what it claims to be long. */
export function rawSafetensors(
  header: string | Uint8Array | object,
  data: Uint8Array = new Uint8Array(),
  length?: bigint,
): Uint8Array {
  const bytes =
    header instanceof Uint8Array
      ? header
      : new TextEncoder().encode(typeof header === "string" ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + bytes.length + data.length);
  new DataView(file.buffer).setBigUint64(0, length ?? BigInt(bytes.length), true);
  file.set(bytes, 8);
  file.set(data, 8 + bytes.length);
  return file;
}

/** A safetensors file with some tensors, in the given order. */
export function safetensors(
  tensors: Record<string, { dtype: string; shape: number[]; data: ArrayBufferView }>,
): Uint8Array {
  const header: Record<string, unknown> = {};
  const parts: Uint8Array[] = [];
  let end = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    const part = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    header[name] = { dtype, shape, data_offsets: [end, end + part.length] };
    parts.push(part);
    end += part.length;
  }
  return rawSafetensors(header, Buffer.concat(parts));
}

/** A file with one float32 vector of that name. */
export function oneTensor(name: string, values: number[] = [1, 2]): Uint8Array {
  return safetensors({ [name]: { dtype: "F32", shape: [values.length], data: Float32Array.from(values) } });
}

/** Asserts a one-line SanaError of that code whose message matches every pattern. */
export async function assertRefused(
  action: (() => unknown) | Promise<unknown>,
  code: ErrorCode,
  ...patterns: RegExp[]
): Promise<void> {
  await assert.rejects(
    async () => (typeof action === "function" ? await action() : await action),
    (error) => {
      assert.ok(error instanceof SanaError, String(error));
      assert.equal(error.code, code, error.message);
      assert.doesNotMatch(error.message, /\n/);
      assert.ok(error.message.length < 1000, `the message has ${error.message.length} characters`);
      for (const pattern of patterns) assert.match(error.message, pattern);
      return true;
    },
  );
}
