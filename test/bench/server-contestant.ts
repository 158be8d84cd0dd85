import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { GenerateParams } from "../../sidecar/protocol";
import { ServerClient } from "../server/server-client";

/**
 * The server as one side of a comparison: for every line on stdin it makes a picture, from the request to the file.
 *
 *     node server-contestant.cjs fast|quality PROMPT
 */
async function main(): Promise<void> {
  const [model, prompt] = process.argv.slice(2) as [NonNullable<GenerateParams["model"]>, string];
  const folder = mkdtempSync(join(tmpdir(), "sana-bench-"));
  const client = new ServerClient();
  let count = 0;
  const make = async (): Promise<void> => {
    count += 1;
    const output = { path: join(folder, "picture.png"), ifExists: "overwrite" } as const;
    // Another text each time: the text encoder remembers the last one.
    await client.generate({ model, prompt: `${prompt}, number ${count}`, seed: "1", provider: "cpu", output }).result;
  };
  const answer = (value: object): void => {
    process.stdout.write(`${JSON.stringify(value)}\n`);
  };
  try {
    await client.initialize();
    await make();
    answer({});
    const requests = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    while ((await requests.next()).done !== true) {
      const started = performance.now();
      await make();
      answer({ seconds: (performance.now() - started) / 1000 });
    }
    await client.stop();
  } finally {
    client.kill();
    rmSync(folder, { recursive: true });
  }
}

void main();
