/** One thing found in the bytes that a client sends: a message's bytes, or why there is none. */
export type Frame =
  | { readonly type: "body"; readonly bytes: Uint8Array }
  /** A header without a usable Content-Length. */
  | { readonly type: "bad-header" }
  /** A message over the limit was announced; its bytes are skipped as they come and never kept. */
  | { readonly type: "too-long"; readonly length: number };

const HEADER_END = "\r\n\r\n";
const LENGTH_FIELD = "Content-Length:";
/** Real headers have some 30 bytes. */
const MAX_HEADER_BYTES = 4096;

/**
 * Cuts a stream into messages by LSP's framing (`Content-Length: N`, empty line, N bytes). Holds at most one message of
 * `maxBodyBytes`. After bytes that are no header it goes on at the next header that it finds.
 * Source: Language Server Protocol, "Base Protocol".
 */
export class FrameParser {
  private header: Uint8Array = new Uint8Array(0);
  /** Whether the bytes before the next header were already reported. */
  private lost = false;
  private body: Uint8Array[] = [];
  private bodyBytesMissing = 0;
  private bytesToSkip = 0;

  constructor(private readonly maxBodyBytes: number) {}

  /** Takes the next bytes of the stream, however they are cut, and yields what they complete. */
  *push(chunk: Uint8Array): Generator<Frame> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.bytesToSkip > 0) {
        const skipped = Math.min(this.bytesToSkip, rest.length);
        this.bytesToSkip -= skipped;
        rest = rest.subarray(skipped);
      } else if (this.bodyBytesMissing > 0) {
        const part = rest.subarray(0, this.bodyBytesMissing);
        this.body.push(part);
        this.bodyBytesMissing -= part.length;
        rest = rest.subarray(part.length);
        if (this.bodyBytesMissing === 0) yield this.takeBody();
      } else {
        rest = yield* this.readHeader(rest);
      }
    }
  }

  private takeBody(): Frame {
    const bytes = Buffer.concat(this.body);
    this.body = [];
    return { type: "body", bytes };
  }

  /** Returns what follows the header, nothing where the header is not complete. */
  private *readHeader(rest: Uint8Array): Generator<Frame, Uint8Array> {
    const bytes = Buffer.concat([this.header, rest]);
    const end = bytes.indexOf(HEADER_END);
    if (end === -1) {
      if (bytes.length > MAX_HEADER_BYTES) {
        yield* this.loseTrack();
        // What could be the beginning of a header stays.
        const start = bytes.lastIndexOf(LENGTH_FIELD);
        const kept = start > 0 && bytes.length - start <= MAX_HEADER_BYTES ? bytes.length - start : LENGTH_FIELD.length;
        this.header = bytes.subarray(bytes.length - kept);
      } else {
        this.header = bytes;
      }
      return new Uint8Array(0);
    }
    this.header = new Uint8Array(0);
    const block = bytes.toString("latin1", 0, end);
    let length = contentLength(block);
    if (length === undefined) {
      yield* this.loseTrack();
      // The header of a sound message may stand right behind the remains of a broken one.
      length = contentLength(block.slice(Math.max(block.lastIndexOf(LENGTH_FIELD), 0)));
    }
    if (length !== undefined) {
      this.lost = false;
      if (length > this.maxBodyBytes) {
        this.bytesToSkip = length;
        yield { type: "too-long", length };
      } else if (length === 0) {
        yield this.takeBody();
      } else {
        this.bodyBytesMissing = length;
      }
    }
    return bytes.subarray(end + HEADER_END.length);
  }

  /** However much is not understood, it is reported once. */
  private *loseTrack(): Generator<Frame> {
    if (!this.lost) yield { type: "bad-header" };
    this.lost = true;
  }
}

/** What a header says, undefined where it is not one or does not say it exactly once. */
function contentLength(block: string): number | undefined {
  const fields = block.split("\r\n").map((line) => /^([!-9;-~]+):[ \t]*([^\r\n]*?)[ \t]*$/.exec(line));
  if (fields.includes(null)) return undefined;
  const values = fields.filter((field) => field![1]!.toLowerCase() === "content-length").map((field) => field![2]!);
  return values.length === 1 && /^\d{1,15}$/.test(values[0]!) ? Number(values[0]) : undefined;
}
