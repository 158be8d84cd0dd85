import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import type { Workplace } from "../cli/fixtures";
import { CLI_PATH } from "../cli/run-cli";

/** A client of `sana mcp`, which saves pictures in the workplace's `out`. */
export async function withMcp(
  place: Workplace,
  use: (client: Client) => Promise<void>,
  args: readonly string[] = [],
): Promise<void> {
  const client = new Client({ name: "test", version: "1.0.0" });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [CLI_PATH, "mcp", ...args],
    cwd: place.out,
    env: { ...(process.env as Record<string, string>), ...place.env },
    stderr: "ignore",
    // Pictures come as base64.
    maxBufferSize: 64 * 2 ** 20,
  });
  await client.connect(transport);
  try {
    await use(client);
  } finally {
    await client.close();
  }
}
