import { Writable } from "node:stream";

/**
 * The process's stdout for the protocol alone: whatever else writes to it, a library or a forgotten console.log, goes to
 * stderr from now on.
 */
export function protectedStdout(onError: () => void): Writable {
  const { stdout } = process;
  const write = stdout.write.bind(stdout) as (chunk: Uint8Array, callback: (error?: Error | null) => void) => boolean;
  stdout.on("error", onError);
  stdout.write = process.stderr.write.bind(process.stderr);
  return new Writable({
    decodeStrings: true,
    write: (chunk: Uint8Array, _encoding, callback) => {
      write(chunk, callback);
    },
  });
}
