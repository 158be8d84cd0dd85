import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { assertRefusal, assertRefused } from "./assert-refused";
import { goldenCheckpoint, withWorkplace, type Workplace } from "./fixtures";
import { CLI_PATH, runCli, runProcess } from "./run-cli";
import { DECODE, EMBED, GENERATE, MODEL, OLD, WRITERS } from "./writers";

/** Every file may have at most this many blocks of 1024 bytes, which is noticed only while it is written. */
const runWithFileSizeLimit =
  (blocks: number): typeof runCli =>
  (args, options) =>
    runProcess("bash", ["-c", `ulimit -f ${blocks}; exec "$@"`, "bash", process.execPath, CLI_PATH, ...args], options);

/** Every file that is made anew is written to a full device instead. */
const FULL_DISK = `
const files = require("node:fs").promises;
const { open } = files;
files.open = async (path, flags, ...rest) => {
  const handle = await open(path, flags, ...rest);
  if (flags !== "wx") return handle;
  await handle.close();
  const full = await open("/dev/full", "w");
  // A device cannot be synced.
  full.sync = async () => undefined;
  return full;
};`;

/** From an empty file on, every write fails with the system's own error for a full disk. */
const runOnFullDisk: typeof runCli = (args, options) =>
  runProcess(process.execPath, ["--require", "./full-disk.cjs", CLI_PATH, ...args], options);

describe("a disk that is full", { concurrency: 4 }, () => {
  // Not `encode`: the latents of a small picture have less than a block.
  for (const [command, args] of Object.entries({ generate: GENERATE, embed: EMBED, decode: DECODE })) {
    it(`${command} that may not write so much leaves what was there`, () =>
      withWorkplace(async (place) => {
        writeFileSync(join(place.out, "old"), OLD);
        const call = [...args, "--output", "old", "--overwrite"];
        await assertRefused(place, call, { names: /old.*larger than allowed/, run: runWithFileSizeLimit(1) });
      }));
  }

  for (const [command, args] of Object.entries(WRITERS)) {
    it(`${command} says that the disk is full and leaves what was there`, () =>
      withWorkplace(async (place) => {
        writeFileSync(join(place.out, "full-disk.cjs"), FULL_DISK);
        writeFileSync(join(place.out, "old"), OLD);
        const call = [...args, "--output", "old", "--overwrite"];
        await assertRefused(place, call, { names: /old.*disk is full/, run: runOnFullDisk });
      }));
  }

  it("generate that could write its previews but not its picture removes them", () =>
    withWorkplace(async (place) => {
      const size = ["--width", "256", "--height", "256", "--steps", "1", "--no-resolution-binning"];
      const call = ["generate", "a fox", ...MODEL, ...size, "--output", "picture.png", "--previews", "previews"];
      // Previews have at most 128×128 pixels of 3 bytes, 48 kB; the picture has four times as much.
      const run = runWithFileSizeLimit(56);
      // The notice is about the fitting of the checkpoint's previews.
      await assertRefused(place, call, { names: /picture\.png.*larger than allowed/, run, notices: 1 });
    }));

  it("generate that has no space for a preview leaves no folder for them", () =>
    withWorkplace(async (place) => {
      writeFileSync(join(place.out, "full-disk.cjs"), FULL_DISK);
      const call = [...GENERATE, "--output", "picture.png", "--previews", "previews"];
      await assertRefused(place, call, { names: /step-01\.png.*disk is full/, run: runOnFullDisk, notices: 1 });
    }));

  it("decode that may write the picture but not the tensor writes neither", () =>
    withWorkplace(async (place) => {
      // 32×32 pixels have 3 kB as a picture and 12 kB as a tensor.
      const call = [...DECODE, "--output", "picture.png", "--save-image-tensor", "image.safetensors"];
      const names = /image\.safetensors.*larger than allowed/;
      await assertRefused(place, call, { names, run: runWithFileSizeLimit(6) });
    }));
});

/** Starts a job that takes many seconds and waits until it is in the middle of them. */
async function startLongJob(place: Workplace): Promise<ReturnType<typeof spawn> & { stderrText: () => string }> {
  const size = ["--width", "256", "--height", "256", "--steps", "1000", "--no-resolution-binning"];
  const args = [
    "generate",
    "a fox",
    ...MODEL,
    ...size,
    "--output",
    "picture.png",
    "--overwrite",
    "--previews",
    "previews",
  ];
  const child = spawn(process.execPath, [CLI_PATH, ...args], {
    cwd: place.out,
    env: { ...process.env, ...place.env },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  while (!existsSync(join(place.out, "previews", "step-0003.png"))) {
    assert.equal(child.exitCode, null, `it ended early: ${stderr}`);
    await delay(20);
  }
  return Object.assign(child, { stderrText: () => stderr });
}

describe("a run that is stopped", () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`by ${signal} ends soon, says so in one line and leaves what was there`, () =>
      withWorkplace(async (place) => {
        writeFileSync(join(place.out, "picture.png"), OLD);
        const child = await startLongJob(place);
        const started = performance.now();
        child.kill(signal);
        const [code] = (await once(child, "exit")) as [number | null];
        // A step takes milliseconds; the limit is for a machine that is busy with other things.
        assert.ok(performance.now() - started < 5000, "it took too long");
        assert.equal(code, 130);
        assert.match(child.stderrText(), /sana: [^\n]*cancelled[^\n]*\n$/);
        assert.doesNotMatch(child.stderrText(), /^\s+at |node:internal/m);
        assert.deepEqual(readdirSync(place.out), ["picture.png"]);
        assert.equal(readFileSync(join(place.out, "picture.png"), "utf8"), OLD);
      }));
  }

  it("by SIGKILL leaves what was there", () =>
    withWorkplace(async (place) => {
      writeFileSync(join(place.out, "picture.png"), OLD);
      const child = await startLongJob(place);
      child.kill("SIGKILL");
      await once(child, "exit");
      assert.equal(readFileSync(join(place.out, "picture.png"), "utf8"), OLD);
    }));

  it("by SIGKILL at any moment of its end leaves the old picture or the whole new one", () =>
    withWorkplace(async (place) => {
      const picture = join(place.out, "picture.png");
      const args = [CLI_PATH, ...GENERATE, "--output", picture, "--overwrite"];
      const options = { cwd: place.out, env: { ...process.env, ...place.env }, stdio: "ignore" } as const;
      const started = performance.now();
      await once(spawn(process.execPath, args, options), "exit");
      const duration = performance.now() - started;
      const whole = readFileSync(picture);
      for (const share of [0.8, 0.85, 0.9, 0.95, 1, 1.05]) {
        writeFileSync(picture, OLD);
        const child = spawn(process.execPath, args, options);
        await Promise.race([delay(share * duration), once(child, "exit")]);
        child.kill("SIGKILL");
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
        const left = readFileSync(picture);
        assert.ok(left.equals(whole) || left.toString() === OLD, `half a picture of ${left.length} bytes was left`);
      }
    }));
});

describe("stdout", { concurrency: 2 }, () => {
  const printing: readonly (readonly string[])[] = [
    ["inspect", goldenCheckpoint("sana-1.0"), "--json"],
    ["tokenize", "--tokenizer", goldenCheckpoint("sana-1.0/tokenizer"), "--json", "--text", "a ".repeat(50_000)],
  ];
  for (const args of printing) {
    it(`of ${args[0]!} may lose its reader`, () =>
      withWorkplace(async (place) => {
        const script = '"$@" | true; exit "${PIPESTATUS[0]}"';
        const call = ["-c", script, "bash", process.execPath, CLI_PATH, ...args];
        const result = await runProcess("bash", call, { cwd: place.out, env: place.env });
        assert.deepEqual(result, { code: 0, stdout: "", stderr: "" });
      }));

    it(`of ${args[0]!} may not be a file on a full disk`, () =>
      withWorkplace(async (place) => {
        const call = ["-c", '"$@" > /dev/full', "bash", process.execPath, CLI_PATH, ...args];
        assertRefusal(await runProcess("bash", call, { cwd: place.out, env: place.env }), /stdout.*disk is full/);
      }));
  }
});
