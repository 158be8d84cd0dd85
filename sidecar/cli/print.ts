import { SanaError } from "../errors";
import { systemErrorCode, systemErrorReason } from "../files/system-error";

/**
 * Writes to stdout. A reader that has gone away, as `head` does when it has seen enough, is no failure; anything else,
 * such as a full disk behind a redirection, is. Throws `output-failed`.
 */
export async function print(text: string): Promise<void> {
  const failure = await new Promise<Error | null | undefined>((resolve) => {
    // Without a listener the stream would end the process with a stack trace, besides calling back.
    process.stdout.once("error", resolve);
    process.stdout.write(text, resolve);
  });
  if (failure && systemErrorCode(failure) !== "EPIPE") {
    throw new SanaError("output-failed", `cannot write to stdout: ${systemErrorReason(failure)}`);
  }
}
