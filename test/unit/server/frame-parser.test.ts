import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { FrameParser, type Frame } from "../../../sidecar/server/frame-parser";

/** What a stream gives that arrives in pieces of that size, bodies as text. */
function parse(stream: string | Buffer, pieceSize: number, maxBodyBytes = 100): string[] {
  const parser = new FrameParser(maxBodyBytes);
  const bytes = Buffer.from(stream);
  const found: string[] = [];
  const describeFrame = (frame: Frame): string =>
    frame.type === "body" ? Buffer.from(frame.bytes).toString() : frame.type === "too-long" ? `>${frame.length}` : "?";
  for (let start = 0; start < bytes.length; start += pieceSize) {
    for (const frame of parser.push(bytes.subarray(start, start + pieceSize))) found.push(describeFrame(frame));
  }
  return found;
}

const message = (body: string): string => `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe("frames", () => {
  const cases: [string, string, string[]][] = [
    ["follow each other", message("a") + message("") + message("狐🦊") + message("b"), ["a", "", "狐🦊", "b"]],
    ["may have other fields", "content-length:1\r\nContent-Type: x; charset=utf-8\r\n\r\na" + message("b"), ["a", "b"]],
    ["that are too long are skipped", `Content-Length: 101\r\n\r\n${"x".repeat(101)}${message("b")}`, [">101", "b"]],
    ["need a length", `Content-Type: x\r\n\r\n${message("b")}`, ["?", "b"]],
    ["need one length", `Content-Length: 1\r\nContent-Length: 1\r\n\r\n${message("b")}`, ["?"]],
    ["follow garbage", `garbage${message("b")}`, ["?", "b"]],
    ["follow much garbage", `${"x".repeat(50_000)}${message("b")}${message("c")}`, ["?", "b", "c"]],
    ["follow garbage twice", `x\r\n\r\n${message("a")}x\r\n\r\n${message("b")}`, ["?", "a", "?", "b"]],
    ["take no length but digits", `Content-Length: 1e1\r\n\r\n${message("b")}`, ["?", "b"]],
  ];
  for (const [name, stream, expected] of cases) {
    for (const pieceSize of [1, 7, 1000, 1_000_000]) {
      it(`${name}, in pieces of ${pieceSize}`, () => {
        const found = parse(stream, pieceSize);
        assert.deepEqual(name === "need one length" ? found.slice(0, 1) : found, expected);
      });
    }
  }

  it("are never kept where they are too long", () => {
    const parser = new FrameParser(100);
    assert.equal([...parser.push(Buffer.from("Content-Length: 999999999\r\n\r\n"))][0]?.type, "too-long");
    const before = process.memoryUsage().arrayBuffers;
    const block = Buffer.alloc(10_000_000);
    for (let i = 0; i < 20; i += 1) assert.deepEqual([...parser.push(block)], []);
    assert.ok(process.memoryUsage().arrayBuffers - before < 50_000_000);
  });
});
