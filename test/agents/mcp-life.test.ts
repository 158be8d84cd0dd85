import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { withWorkplace } from "../cli/fixtures";
import { CLI_PATH } from "../cli/run-cli";
import { childrenOf, isAlive, until } from "../server/workshop";

describe("the process of sana mcp", () => {
  it("ends with its stdin in the middle of a picture, and leaves no process and no file", () =>
    withWorkplace(async (place) => {
      const server = spawn(process.execPath, [CLI_PATH, "mcp"], {
        cwd: place.out,
        env: { ...process.env, ...place.env },
        stdio: ["pipe", "pipe", "ignore"],
      });
      try {
        const send = (message: object): void => {
          server.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
        };
        const clientInfo = { name: "test", version: "1" };
        send({ id: 1, method: "initialize", params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo } });
        send({ method: "notifications/initialized" });
        const input = { prompt: "a castle", model: "quality", steps: 50 };
        const params = { name: "generate_image", arguments: input, _meta: { progressToken: 7 } };
        send({ id: 2, method: "tools/call", params });
        for await (const line of createInterface({ input: server.stdout })) {
          // Everything on stdout is a message of the protocol.
          const message = JSON.parse(line) as { params?: { message?: string } };
          if (message.params?.message === "step 1 of 50") break;
        }
        const workers = childrenOf(server.pid!);
        assert.ok(workers.length > 0);
        server.stdin.end();
        const [code] = (await once(server, "exit")) as [number | null];
        assert.equal(code, 0);
        await until(() => !workers.some(isAlive), "the worker has ended");
        assert.deepEqual(readdirSync(place.out), []);
      } finally {
        server.kill("SIGKILL");
      }
    }));
});
