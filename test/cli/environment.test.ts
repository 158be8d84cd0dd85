import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { describe, it } from "node:test";
import { bytesOf, generate, jsonOf, run } from "./calls";
import { goldenCheckpoint, TINY_JOB, withWorkplace } from "./fixtures";
import { runCli, runProcess } from "./run-cli";
import { MODEL } from "./writers";

const TOKENIZER = ["--tokenizer", goldenCheckpoint("sana-1.0/tokenizer")];

describe("a prompt that is far too long", { concurrency: 2 }, () => {
  // 100,000 characters, or as many as Linux lets through: 128 KiB an argument.
  const prompts = {
    letters: "a".repeat(100_000),
    words: "a red fox ".repeat(10_000),
    spaces: `fox${" ".repeat(99_994)}fox`,
    "line breaks": `fox${"\n".repeat(99_994)}fox`,
    "Chinese characters": "红色的狐狸".repeat(8700),
    emoji: "👩‍🚀".repeat(11_900),
    "unknown characters": "𒀀".repeat(32_700),
  };
  for (const [name, prompt] of Object.entries(prompts)) {
    it(`of ${name}, is cut off with a notice`, () =>
      withWorkplace(async (place) => {
        const call = ["generate", ...MODEL, ...TINY_JOB, "--provider", "cpu", "--output", "a.png", "--json"];
        const args = [...call, "--prompt", prompt];
        // Far more than it takes; the limit shows that the time does not grow with the square of the length.
        const result = await runCli(args, { cwd: place.out, env: place.env, timeoutMs: 30_000 });
        assert.equal(result.code, 0, result.stderr);
        assert.match(result.stderr, /^sana: the prompt is longer[^\n]*\n$/);
        jsonOf(result);
      }));
  }
});

describe("npm run --silent sana", () => {
  const texts = [
    "",
    " ",
    "-64",
    "--text",
    "a\nb\r\nc",
    "\u0001\u001b[31m\u007f",
    `"double" 'single' \`back\``,
    "$HOME $(id) %PATH% \\n",
    "🦊红色",
  ];
  for (const text of texts) {
    it(`passes on ${JSON.stringify(text)}`, () =>
      withWorkplace(async ({ env }) => {
        const args = ["tokenize", ...TOKENIZER, "--json", "--text", text];
        const direct = await runCli(args, { env });
        assert.equal(direct.code, 0, direct.stderr);
        // npm has a home and a cache of its own.
        assert.deepEqual(await runProcess("npm", ["run", "--silent", "sana", "--", ...args]), direct);
      }));
  }

  it("passes on a refusal", () =>
    withWorkplace(async () => {
      const result = await runProcess("npm", ["run", "--silent", "generate", "--", "a fox", "--width", "-64"]);
      assert.equal(result.code, 1);
      assert.match(result.stderr, /^sana: [^\n]*-64[^\n]*\n$/);
    }));
});

describe("storage", { concurrency: 3 }, () => {
  it("a checkpoint whose files are links into a store of blobs is read like any other", () =>
    withWorkplace(async (place) => {
      const [blobs, snapshots] = [join(place.folder, "blobs"), join(place.folder, "snapshots")];
      mkdirSync(blobs);
      mkdirSync(snapshots);
      const folder = join(snapshots, "sana-1.0");
      renameSync(place.checkpoint, folder);
      const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.includes("."));
      for (const [number, name] of files.entries()) {
        const [path, blob] = [join(folder, name), join(blobs, `${number}`)];
        renameSync(path, blob);
        symlinkSync(relative(dirname(path), blob), path);
      }
      const args = ["generate", "a fox", ...TINY_JOB, "--seed", "1", "--no-metadata"];
      await run(place, [...args, "--model", folder, "--output", "links.png"]);
      await run(place, [...args, "--model", goldenCheckpoint("sana-1.0"), "--output", "files.png"]);
      assert.ok(bytesOf(place, "links.png").equals(bytesOf(place, "files.png")));
    }));

  it("a cache that cannot be written costs nothing but time", () =>
    withWorkplace(async (place) => {
      writeFileSync(join(place.folder, "file"), "");
      const env = { ...place.env, XDG_CACHE_HOME: join(place.folder, "file") };
      const args = ["generate", "a fox", ...MODEL, ...TINY_JOB, "--provider", "cpu", "--output", "a.png"];
      const result = await runCli(args, { cwd: place.out, env });
      assert.deepEqual([result.code, result.stderr], [0, ""]);
    }));

  it("a cache folder that is no absolute path is not used", () =>
    withWorkplace(async (place) => {
      const env = { ...place.env, HOME: "", XDG_CACHE_HOME: "relative" };
      const args = ["generate", "a fox", ...MODEL, ...TINY_JOB, "--output", "a.png"];
      const result = await runCli(args, { cwd: place.out, env });
      assert.equal(result.code, 0, result.stderr);
      assert.deepEqual(readdirSync(place.out), ["a.png"]);
    }));

  it("a damaged cache is made anew", () =>
    withWorkplace(async (place) => {
      await generate(place, "a fox", "--seed", "1", "--output", "1.png");
      const cache = join(place.env["XDG_CACHE_HOME"]!);
      const files = readdirSync(cache, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".json"));
      assert.notEqual(files.length, 0);
      for (const name of files) writeFileSync(join(cache, name), '{"files": 7');
      await generate(place, "a fox", "--seed", "1", "--output", "2.png");
      assert.ok(bytesOf(place, "1.png").equals(bytesOf(place, "2.png")));
    }));

  it("a weight file that changes is read again", () =>
    withWorkplace(async (place) => {
      const hash = async (): Promise<unknown> =>
        jsonOf(await run(place, ["inspect", place.checkpoint, "--json"]))["modelHash"];
      const first = await hash();
      assert.equal(await hash(), first);
      const path = join(place.checkpoint, "vae/diffusion_pytorch_model.safetensors");
      const bytes = readFileSync(path);
      bytes[bytes.length - 4]! ^= 1;
      writeFileSync(path, bytes);
      assert.notEqual(await hash(), first);
      assert.ok(existsSync(place.env["XDG_CACHE_HOME"]!));
    }));
});
