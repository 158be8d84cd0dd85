import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ERROR_CODES, JSON_RPC_ERRORS, PROTOCOL_VERSION } from "../../sidecar/protocol";
import { goldenCheckpoint } from "../cli/fixtures";
import { framed, RawClient } from "./raw-client";
import { childrenOf, until } from "./workshop";

const INVALID_PARAMS = ERROR_CODES["invalid-parameter"];

/** Runs `use` with a server and ends it. Nothing but the protocol may have been on its stdout. */
async function withServer(
  use: (client: RawClient) => Promise<void>,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const client = new RawClient(args, env);
  try {
    await use(client);
    assert.equal(client.fault, undefined);
  } finally {
    client.kill();
    await client.exited;
  }
}

/** The server still does what it is for. */
async function assertAlive(client: RawClient): Promise<void> {
  const { result } = await client.ask(`alive-${Math.random()}`, "sana/status");
  assert.equal((result as { state: string }).state, "idle");
}

describe("a session", { concurrency: 4 }, () => {
  it("goes from initialize to exit", () =>
    withServer(async (client) => {
      const { result } = await client.initialize();
      const { capabilities } = result as { capabilities: { experimental: { sana: { protocolVersion: number } } } };
      assert.equal(capabilities.experimental.sana.protocolVersion, PROTOCOL_VERSION);
      client.send({ jsonrpc: "2.0", method: "initialized", params: {} });
      await assertAlive(client);
      assert.equal((await client.ask(2, "shutdown")).result, null);
      assert.equal((await client.ask(3, "sana/status")).error?.code, JSON_RPC_ERRORS.invalidRequest);
      client.send({ jsonrpc: "2.0", method: "exit" });
      assert.equal(await client.exited, 0);
    }));

  it("that ends without shutdown has failed", () =>
    withServer(async (client) => {
      await client.initialize();
      client.send({ jsonrpc: "2.0", method: "exit" });
      assert.equal(await client.exited, 1);
    }));

  it("begins with initialize and has one", () =>
    withServer(async (client) => {
      for (const method of ["sana/status", "sana/generate", "shutdown", "textDocument/hover", "unheard/of"]) {
        assert.equal((await client.ask(method, method, {})).error?.code, JSON_RPC_ERRORS.serverNotInitialized, method);
      }
      client.send({ jsonrpc: "2.0", method: "initialized", params: {} });
      await client.initialize();
      const again = await client.ask(2, "initialize", { capabilities: {} });
      assert.equal(again.error?.code, JSON_RPC_ERRORS.invalidRequest);
      await assertAlive(client);
    }));

  it("of another protocol version is refused and may be tried again", () =>
    withServer(async (client) => {
      const { error } = await client.initialize(PROTOCOL_VERSION + 1);
      assert.equal(error?.code, ERROR_CODES["protocol-version"]);
      assert.match(error.message, new RegExp(`${PROTOCOL_VERSION + 1}.*${PROTOCOL_VERSION}`));
      assert.equal((await client.initialize("1")).error?.code, INVALID_PARAMS);
      assert.equal((await client.ask(1, "initialize", { capabilities: {} })).error?.code, INVALID_PARAMS);
      assert.equal((await client.ask(2, "initialize")).error?.code, INVALID_PARAMS);
      const initializationOptions = { protocolVersion: PROTOCOL_VERSION };
      for (const processId of ["1", 0, -1, 1.5, 2 ** 40, true]) {
        const { error: refused } = await client.ask(4, "initialize", {
          processId,
          capabilities: {},
          initializationOptions,
        });
        assert.equal(refused?.code, INVALID_PARAMS, String(processId));
        assert.match(refused.message, /processId/);
      }
      assert.equal((await client.ask(3, "sana/status")).error?.code, JSON_RPC_ERRORS.serverNotInitialized);
      assert.equal((await client.initialize()).error, undefined);
      await assertAlive(client);
    }));

  it("ends when stdin does", () =>
    withServer(async (client) => {
      await client.initialize();
      client.process.stdin!.end();
      assert.equal(await client.exited, 1);
    }));

  it("ends when the process that the client named does, even if stdin stays open", () =>
    withServer(async (client) => {
      const other = new RawClient();
      const initializationOptions = { protocolVersion: PROTOCOL_VERSION };
      const params = { processId: other.process.pid, capabilities: {}, initializationOptions };
      await client.ask(1, "initialize", params);
      await assertAlive(client);
      other.kill();
      assert.equal(await client.exited, 1);
    }));

  it("has stdout for the protocol alone, whatever else server and worker print", () => {
    const folder = mkdtempSync(join(tmpdir(), "sana-server-"));
    const script = join(folder, "chatter.cjs");
    writeFileSync(script, CHATTER);
    const use = async (client: RawClient): Promise<void> => {
      await client.initialize();
      const size = { width: 32, height: 32, resolutionBinning: false, steps: 1 };
      const model = goldenCheckpoint("sana-1.0");
      const params = { ...size, model, token: 1, prompt: "", output: { path: join(folder, "x.png") } };
      assert.equal((await client.ask(1, "sana/generate", params)).error, undefined);
      const server = client.process.pid!;
      const [worker] = childrenOf(server);
      for (const id of [server, worker!]) {
        process.kill(id, "SIGUSR2");
        await until(() => client.log.includes(`logged by ${id}\nwritten by ${id}\n`), `${id} has printed`);
      }
      await until(
        () => client.log.includes(`written to the descriptor by ${worker!}`),
        "the worker's driver has printed",
      );
      await assertAlive(client);
    };
    return withServer(use, [], { NODE_OPTIONS: `--require ${script}` }).finally(() => {
      rmSync(folder, { recursive: true });
    });
  });

  it("refuses an idle time that no timer knows", () =>
    withServer(
      async (client) => {
        assert.equal(await client.exited, 1);
        assert.match(client.log, /^sana: --idle-minutes is 0;[^\n]*\n$/);
        assert.equal(client.messages.length, 0);
      },
      ["--idle-minutes", "0"],
    ));
});

describe("a message that is not sound", { concurrency: 4 }, () => {
  it("and not JSON is answered, and the session goes on", () =>
    withServer(async (client) => {
      await client.initialize();
      for (const body of ["{", "", "{}}", '{"jsonrpc":"2.0"', "\u0000"]) {
        const before = client.messages.length;
        client.bytes(framed(body));
        assert.equal((await client.answer(null, before)).error?.code, JSON_RPC_ERRORS.parseError, body);
      }
      const before = client.messages.length;
      client.bytes(Buffer.concat([Buffer.from("Content-Length: 3\r\n\r\n"), Buffer.from([0x22, 0xff, 0x22])]));
      assert.equal((await client.answer(null, before)).error?.code, JSON_RPC_ERRORS.parseError);
      await assertAlive(client);
    }));

  it("and no request is answered", () =>
    withServer(async (client) => {
      await client.initialize();
      const unsound = [1, "x", null, [], [{ jsonrpc: "2.0", id: 1, method: "sana/status" }], {}, { id: 7 }];
      for (const value of [...unsound, { jsonrpc: "2.0", id: null, method: "sana/status" }]) {
        const before = client.messages.length;
        client.send(value);
        const id = (value as { id?: number } | null)?.id ?? null;
        assert.equal((await client.answer(id, before)).error?.code, JSON_RPC_ERRORS.invalidRequest);
      }
      await assertAlive(client);
    }));

  it("and has no length is skipped up to the next header", () =>
    withServer(async (client) => {
      await client.initialize();
      for (const garbage of [
        "hello\r\n\r\n",
        "Content-Length: -5\r\n\r\n",
        "Content-Length: x\r\n\r\n{}",
        "\r\n\r\n",
      ]) {
        const before = client.messages.length;
        client.bytes(garbage);
        assert.equal((await client.answer(null, before)).error?.code, JSON_RPC_ERRORS.parseError, garbage);
        await assertAlive(client);
      }
      client.bytes("x".repeat(100_000));
      await assertAlive(client);
    }));

  it("and is announced with 1 GB is skipped and never kept", () =>
    withServer(async (client) => {
      await client.initialize();
      const rss = (): number =>
        Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${client.process.pid!}/status`, "utf8"))![1]);
      const [before, start] = [client.messages.length, rss()];
      client.bytes("Content-Length: 1000000000\r\n\r\n");
      const { error } = await client.answer(null, before);
      assert.equal(error?.code, JSON_RPC_ERRORS.invalidRequest);
      assert.match(error.message, /1000000000/);
      const block = Buffer.alloc(1_000_000, 0x20);
      for (let i = 0; i < 1000; i += 1) {
        if (!client.process.stdin!.write(block))
          await new Promise((resolve) => client.process.stdin!.once("drain", resolve));
      }
      await assertAlive(client);
      // Ten times less than what was sent; garbage of the reads themselves may still lie around.
      assert.ok(rss() - start < 100_000, `${rss() - start} KB more`);
    }));
});

describe("a request", { concurrency: 4 }, () => {
  it("of an unknown method is refused by name", () =>
    withServer(async (client) => {
      await client.initialize();
      const { error } = await client.ask(1, "sana/unheard-of", {});
      assert.equal(error?.code, JSON_RPC_ERRORS.methodNotFound);
      assert.match(error.message, /sana\/unheard-of/);
      client.send({ jsonrpc: "2.0", method: "sana/unheard-of", params: {} });
      await assertAlive(client);
    }));

  it("with wrong parameters is refused with the name of the first", () =>
    withServer(async (client) => {
      await client.initialize();
      const sound = { token: 1, prompt: "a fox", output: { path: "/tmp/never.png" } };
      const cases: [string, unknown, RegExp][] = [
        ["sana/generate", undefined, /token is missing|params/],
        ["sana/generate", [sound], /params must be an object/],
        ["sana/generate", "x", /params must be an object/],
        ["sana/generate", { ...sound, prompt: 7 }, /prompt must be a string/],
        ["sana/generate", { ...sound, prompt: undefined }, /prompt is missing/],
        ["sana/generate", { ...sound, width: "512" }, /width must be a number/],
        ["sana/generate", { ...sound, width: 0 }, /width is 0/],
        ["sana/generate", { ...sound, steps: 1.5 }, /steps is 1\.5/],
        ["sana/generate", { ...sound, seed: "9223372036854775808" }, /seed/],
        ["sana/generate", { ...sound, sede: "1" }, /sede is not a parameter/],
        ["sana/generate", { ...sound, image: "x.png" }, /image must be an object/],
        ["sana/generate", { ...sound, output: { path: "never.png" } }, /output\.path must be an absolute path/],
        [
          "sana/generate",
          { ...sound, output: { path: "/tmp/x.png", ifExists: "maybe" } },
          /output\.ifExists must be one/,
        ],
        ["sana/models", { folders: "x" }, /folders must be a list/],
        ["sana/inspectImage", {}, /path is missing/],
        ["sana/status", { detail: true }, /detail is not a parameter/],
      ];
      for (const [index, [method, params, names]] of cases.entries()) {
        const { error } = await client.ask(index, method, params);
        assert.equal(error?.code, INVALID_PARAMS, `${method} ${JSON.stringify(params)} ${JSON.stringify(error)}`);
        assert.match(error.message, names);
      }
      await assertAlive(client);
    }));

  it("whose id is still in use is refused, and the first one is answered", () =>
    withServer(async (client) => {
      await client.initialize();
      const output = { path: "/nowhere/fox.png" };
      client.send({ jsonrpc: "2.0", id: 5, method: "sana/generate", params: { token: 1, prompt: "", output } });
      client.send({ jsonrpc: "2.0", id: "5", method: "sana/status" });
      const { error } = await client.answer(null);
      assert.equal(error?.code, JSON_RPC_ERRORS.invalidRequest);
      assert.match(error.message, /"5"/);
      assert.equal((await client.answer(5)).error?.code, ERROR_CODES["output-failed"]);
      assert.ok((await client.ask(5, "sana/status")).result);
    }));

  it("that does not exist can be cancelled", () =>
    withServer(async (client) => {
      await client.initialize();
      for (const params of [{ id: 99 }, { id: "x" }, { id: null }, {}, null, undefined, [1]]) {
        client.send({ jsonrpc: "2.0", method: "$/cancelRequest", ...(params === undefined ? {} : { params }) });
      }
      for (const method of ["$/setTrace", "$/logTrace", "$/progress", "window/workDoneProgress/cancel"]) {
        client.send({ jsonrpc: "2.0", method, params: null });
      }
      await assertAlive(client);
    }));
});

/** Prints when it is told to, as a library might; in the worker also as native code does, past Node's streams. */
const CHATTER = `
process.on("SIGUSR2", () => {
  console.log("logged by " + process.pid);
  process.stdout.write("written by " + process.pid + "\\n");
  if (process.send) require("node:fs").writeSync(1, "written to the descriptor by " + process.pid + "\\n");
});`;
