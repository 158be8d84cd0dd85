import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { ERROR_CODES, PROTOCOL_VERSION, type GenerationProgress } from "../../sidecar/protocol";
import { goldenCheckpoint } from "../cli/fixtures";
import { CLI_PATH } from "../cli/run-cli";
import { errorOf, ServerClient, type PictureRecord } from "./server-client";
import { childrenOf, isAlive, until, withWorkshop } from "./workshop";

const TINY = { model: goldenCheckpoint("sana-1.0"), width: 32, height: 32, resolutionBinning: false } as const;

function workerOf(client: ServerClient): number {
  const [worker, ...others] = childrenOf(client.process.pid!);
  assert.ok(worker !== undefined && others.length === 0);
  return worker;
}

function reaches(record: PictureRecord, stage: GenerationProgress["stage"], step = 0): Promise<void> {
  return until(
    () => record.progress.some(({ value }) => value.stage === stage && value.step >= step),
    `${stage} is reached`,
  );
}

describe("a worker that ends in the middle", () => {
  it("has its picture rejected with the reason, and those that wait are made", () =>
    withWorkshop(async ({ client, folder, files }) => {
      const picture = client.generate({ prompt: "a fox", steps: 200, output: { path: join(folder, "x.png") } });
      const waiting = client.generate({ ...TINY, prompt: "", steps: 1, output: { path: join(folder, "y.png") } });
      await reaches(picture.record, "steps", 1);
      process.kill(workerOf(client), "SIGKILL");
      const error = await errorOf(picture.result);
      assert.equal(error.code, ERROR_CODES["worker-ended"]);
      assert.match(error.message, /SIGKILL/);
      await waiting.result;
      assert.deepEqual(files(), ["y.png"]);
    }));

  it("by lack of memory is told as that", () =>
    withWorkshop(async ({ client, folder, files }) => {
      await client.generate({ ...TINY, prompt: "", steps: 1, output: { path: join(folder, "x.png") } }).result;
      // As much address space as it has, and a little.
      const worker = workerOf(client);
      const [pages] = readFileSync(`/proc/${worker}/statm`, "utf8").split(" ");
      execFileSync("bash", ["-c", `prlimit --pid ${worker} --as=${Number(pages) * 4096 + 50e6}`]);
      const large = { ...TINY, width: 2048, height: 2048, vaeTiling: "off" } as const;
      const error = await errorOf(
        client.generate({ ...large, prompt: "", steps: 1, output: { path: join(folder, "y.png") } }).result,
      );
      assert.ok(["insufficient-memory", "worker-ended"].includes(error.data?.code ?? ""), error.message);
      assert.deepEqual(files(), ["x.png"]);
      process.kill(worker, "SIGKILL");
      await client.generate({ ...TINY, prompt: "", steps: 1, output: { path: join(folder, "y.png") } }).result;
    }));
});

describe("a process that is killed", () => {
  it("as the server takes its worker with it, also while that computes", () =>
    withoutWorkshop(async (folder) => {
      const client = new ServerClient();
      await client.initialize();
      const picture = client.generate({ prompt: "a fox", steps: 200, output: { path: join(folder, "x.png") } });
      picture.result.catch(() => undefined);
      await reaches(picture.record, "steps", 1);
      const worker = workerOf(client);
      client.kill();
      await until(() => !isAlive(worker), "the worker has ended", 1000);
      assert.deepEqual(readdirSync(folder), []);
    }));

  it("as the server leaves no temporary file behind", () =>
    withoutWorkshop(async (folder) => {
      const script = join(folder, "slow.cjs");
      writeFileSync(script, SLOW_DISK);
      mkdirSync(join(folder, "out"));
      const client = new ServerClient({ env: { NODE_OPTIONS: `--require ${script}` } });
      await client.initialize();
      const picture = client.generate({
        ...TINY,
        prompt: "",
        steps: 1,
        output: { path: join(folder, "out", "x.png") },
      });
      picture.result.catch(() => undefined);
      await reaches(picture.record, "save");
      const names = (): string[] => readdirSync(join(folder, "out"));
      await until(() => names().some((name) => name.endsWith(".tmp")), "the file is being written");
      const worker = workerOf(client);
      client.kill();
      await until(() => !isAlive(worker), "the worker has ended", 1000);
      assert.deepEqual(names(), []);
    }));

  it("as the client takes server and worker with it", () =>
    withoutWorkshop(async (folder) => {
      // A client of its own: it starts a server, asks for a picture and says which processes there are.
      const script = join(folder, "client.cjs");
      writeFileSync(script, CLIENT);
      const parent = spawn(process.execPath, [script, CLI_PATH, join(folder, "x.png")], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      const server = Number(await new Promise<Buffer>((resolve) => parent.stdout.once("data", resolve)));
      await until(() => childrenOf(server).length === 1, "the worker has started");
      const [worker] = childrenOf(server);
      parent.kill("SIGKILL");
      await until(() => !isAlive(server) && !isAlive(worker!), "both have ended", 2000);
      assert.deepEqual(readdirSync(folder), ["client.cjs"]);
    }));
});

describe("a server", () => {
  it("says that the disk is full, leaves what was there, and makes the next picture", () =>
    withWorkshop(
      async ({ client, folder, files }) => {
        const path = join(folder, "x.png");
        writeFileSync(path, "old");
        const make = (): Promise<unknown> =>
          client.generate({ ...TINY, prompt: "", steps: 1, output: { path, ifExists: "overwrite" } }).result;
        writeFileSync(join(folder, "full"), "");
        const error = await errorOf(make());
        assert.equal(error.code, ERROR_CODES["output-failed"]);
        assert.match(error.message, /disk is full/);
        assert.deepEqual(files(), ["full", "x.png"]);
        rmSync(join(folder, "full"));
        await make();
        assert.deepEqual(files(), ["x.png"]);
      },
      { preload: FULL_DISK },
    ));

  it("notices that a loaded model's folder is removed, comes back, or holds another model", () =>
    withWorkshop(async ({ client, folder }) => {
      const model = join(folder, "model");
      cpSync(goldenCheckpoint("sana-1.0"), model, { recursive: true });
      let count = 0;
      const make = (): Promise<{ modelHash: string }> => {
        count += 1;
        return client.generate({ ...TINY, model, prompt: "", steps: 1, output: { path: join(folder, `${count}.png`) } })
          .result;
      };
      const { modelHash } = await make();
      const worker = workerOf(client);
      renameSync(model, `${model}-away`);
      const error = await errorOf(make());
      assert.equal(error.code, ERROR_CODES["invalid-checkpoint"]);
      assert.match(error.message, /does not exist/);
      renameSync(`${model}-away`, model);
      assert.equal((await make()).modelHash, modelHash);
      assert.equal(workerOf(client), worker);
      rmSync(model, { recursive: true });
      cpSync(goldenCheckpoint("sana-1.5"), model, { recursive: true });
      assert.notEqual((await make()).modelHash, modelHash);
      assert.notEqual(workerOf(client), worker);
    }));

  for (const stage of ["read-prompt", "steps"] as const) {
    it(`names the file that is missing when a model's folder is removed during ${stage}`, () =>
      withWorkshop(async ({ client, folder, files }) => {
        const model = join(folder, "model");
        cpSync(goldenCheckpoint("sana-1.0"), model, { recursive: true });
        const output = { path: join(folder, "x.png") };
        const picture = client.generate({ ...TINY, model, prompt: "", steps: 1000, output });
        await reaches(picture.record, stage);
        rmSync(model, { recursive: true });
        const error = await errorOf(picture.result);
        assert.equal(error.code, ERROR_CODES["invalid-weights"], error.message);
        assert.match(error.message, /model\/(?:text_encoder|transformer|vae)\/\S+\.safetensors does not exist/);
        assert.deepEqual(files(), []);
        await client.generate({ ...TINY, prompt: "", steps: 1, output }).result;
      }));
  }

  it("unloads when asked to, but not while a picture is made", () =>
    withWorkshop(async ({ client, folder }) => {
      assert.deepEqual(await client.request("sana/unload"), { outcome: "not-loaded" });
      const picture = client.generate({ ...TINY, prompt: "", steps: 1, output: { path: join(folder, "x.png") } });
      assert.deepEqual(await client.request("sana/unload"), { outcome: "busy" });
      await picture.result;
      const worker = workerOf(client);
      assert.deepEqual(await client.request("sana/unload"), { outcome: "unloaded" });
      assert.ok(!isAlive(worker));
    }));
});

async function withoutWorkshop(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sana-server-"));
  try {
    await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Every new file is written to a full device while a file "full" lies beside it. */
const FULL_DISK = `
const files = require("node:fs").promises;
const { existsSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { open } = files;
files.open = async (path, flags, ...rest) => {
  const handle = await open(path, flags, ...rest);
  if (flags !== "wx" || !existsSync(join(dirname(path), "full"))) return handle;
  const full = await open("/dev/full", "w");
  await handle.close();
  // The check before the work begins writes nothing; a device cannot be synced.
  full.sync = async () => undefined;
  return full;
};`;

/** A disk on which syncing takes a minute, except for empty files. */
const SLOW_DISK = `
const files = require("node:fs").promises;
const { open } = files;
files.open = async (...args) => {
  const handle = await open(...args);
  const { sync } = handle;
  handle.sync = async () => {
    if ((await handle.stat()).size > 0) await new Promise((resolve) => setTimeout(resolve, 60_000));
    return sync.call(handle);
  };
  return handle;
};`;

/** Arguments: the program, and where the picture goes. */
const CLIENT = `
const { spawn } = require("node:child_process");
const [, , program, path] = process.argv;
const server = spawn(process.execPath, [program, "serve", "--stdio"], { stdio: ["pipe", "ignore", "ignore"] });
const send = (message) => {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  server.stdin.write("Content-Length: " + Buffer.byteLength(body) + "\\r\\n\\r\\n" + body);
};
const initializationOptions = { protocolVersion: ${PROTOCOL_VERSION} };
send({ id: 1, method: "initialize", params: { processId: process.pid, capabilities: {}, initializationOptions } });
setTimeout(() => send({ id: 2, method: "sana/generate", params: { token: 1, prompt: "", output: { path } } }), 500);
console.log(server.pid);
`;
