/**
 * Every failure that a user can cause or meet, by code. Programs match on the code, people read the message;
 * the message is one line, names the file or the parameter, and says what is allowed.
 */
export type ErrorCode =
  /** A parameter or option is missing, of the wrong type, or outside what is allowed. */
  | "invalid-parameter"
  /** A checkpoint's configuration is missing, malformed, or describes something that Sana is not. */
  | "invalid-checkpoint"
  /** A weight file is malformed, or a tensor is missing or of another shape than the configuration asks for. */
  | "invalid-weights"
  /** An input file (image, latents, tokenizer) cannot be read or is not what it should be. */
  | "invalid-input-file"
  /** The output could not be written: it exists, its folder is missing, the disk is full. */
  | "output-failed"
  /** What was asked for is known but not available in this program or on this machine. */
  | "unsupported"
  /** Numbers that are not finite appeared during the computation. */
  | "non-finite"
  /** The picture needs more memory than is free. */
  | "insufficient-memory"
  /** The process that computes ended in the middle of a picture: killed, crashed, or out of memory. */
  | "worker-ended"
  /** A client of the server speaks another version of the protocol. */
  | "protocol-version"
  /** The user stopped the run. */
  | "cancelled";

/** The one error type for everything that is not a bug. `message` is a single line without a stack trace. */
export class SanaError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    // File names and prompts may hold line breaks or terminal escapes; the promise is one printable line.
    // eslint-disable-next-line no-control-regex -- control characters are exactly what is replaced
    super(message.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " "), options);
    this.name = "SanaError";
    this.code = code;
  }
}
