import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, it } from "node:test";
import { assertRefusal, assertRefused, snapshot } from "./assert-refused";
import { goldenCheckpoint, goldenInput, TINY_JOB, withWorkplace, type Workplace } from "./fixtures";
import { CLI_PATH, runCli, runProcess } from "./run-cli";

const MODEL = ["--model", goldenCheckpoint("sana-1.0")];
const GENERATE = ["generate", "a fox", ...MODEL, ...TINY_JOB, "--seed", "1"];
const EMBED = ["embed", ...MODEL, "--prompt", "a fox"];
const DECODE = ["decode", ...MODEL, "--latents", goldenInput("decode-smallest.safetensors")];
const ENCODE = ["encode", ...MODEL, "--image", goldenInput("pixel-block.png")];
const WRITERS = { generate: GENERATE, embed: EMBED, decode: DECODE, encode: ENCODE };

const OLD = "an earlier file";

interface BadTarget {
  readonly name: string;
  readonly path: string;
  readonly prepare?: (out: string) => void;
  readonly names: RegExp;
  /** Where --overwrite changes nothing. */
  readonly evenWithOverwrite?: boolean;
}

const TARGETS: readonly BadTarget[] = [
  {
    name: "a file that exists",
    path: "old.png",
    prepare: (out) => {
      writeFileSync(join(out, "old.png"), OLD);
    },
    names: /old\.png/,
    evenWithOverwrite: false,
  },
  {
    name: "a folder",
    path: "folder.png",
    prepare: (out) => {
      mkdirSync(join(out, "folder.png"));
    },
    names: /folder\.png/,
  },
  { name: "the current folder", path: ".", names: /\./ },
  { name: "a path that ends with a slash", path: "new/", names: /new\// },
  { name: "a file in a folder that does not exist", path: "no/such/picture.png", names: /no\/such/ },
  {
    name: "a file below a file",
    path: "file/picture.png",
    prepare: (out) => {
      writeFileSync(join(out, "file"), OLD);
    },
    names: /file\/picture\.png/,
  },
  { name: "a file in a folder where nobody can write", path: "/proc/picture.png", names: /\/proc\/picture\.png/ },
  { name: "a device", path: "/dev/full", names: /\/dev\/full/ },
  { name: "a name of 300 characters", path: `${"x".repeat(300)}.png`, names: /xxx.*too long/ },
  {
    name: "a link to a file",
    path: "link.png",
    prepare: (out) => {
      writeFileSync(join(out, "target"), OLD);
      symlinkSync("target", join(out, "link.png"));
    },
    names: /link\.png/,
  },
  {
    name: "a link to nowhere",
    path: "link.png",
    prepare: (out) => {
      symlinkSync("nowhere", join(out, "link.png"));
    },
    names: /link\.png/,
  },
  {
    name: "a file in a folder that is a link to itself",
    path: "loop/picture.png",
    prepare: (out) => {
      symlinkSync("loop", join(out, "loop"));
    },
    names: /loop\/picture\.png/,
  },
];

for (const [command, args] of Object.entries(WRITERS)) {
  describe(`${command} --output refuses`, { concurrency: 4 }, () => {
    for (const { name, path, prepare, names, evenWithOverwrite = true } of TARGETS) {
      it(name, () =>
        withWorkplace(async (place) => {
          prepare?.(place.out);
          const overwrite = evenWithOverwrite ? ["--overwrite"] : [];
          await assertRefused(place, [...args, "--output", path, ...overwrite], { names });
        }),
      );
    }
  });
}

describe("a second file that cannot be written", { concurrency: 4 }, () => {
  const secondOptions: readonly (readonly [string, readonly string[]])[] = [
    ["--save-latents", GENERATE],
    ["--save-image-tensor", DECODE],
  ];
  const seconds: readonly { name: string; path: string; names: RegExp }[] = [
    { name: "in a missing folder", path: "no/second.safetensors", names: /no\/second/ },
    { name: "that exists", path: "old", names: /old/ },
    { name: "that is the first one", path: "picture.png", names: /picture\.png/ },
    { name: "that is the first one by another path", path: "../out/./picture.png", names: /picture\.png/ },
    { name: "that is the first one through a link", path: "here/picture.png", names: /picture\.png/ },
  ];
  for (const [option, args] of secondOptions) {
    for (const { name, path, names } of seconds) {
      it(`${option} ${name} leaves no picture`, () =>
        withWorkplace(async (place) => {
          writeFileSync(join(place.out, "old"), OLD);
          symlinkSync(".", join(place.out, "here"));
          const overwrite = name === "that exists" ? [] : ["--overwrite"];
          await assertRefused(place, [...args, "--output", "picture.png", option, path, ...overwrite], { names });
        }));
    }
  }

  it("a preview that exists", () =>
    withWorkplace(async (place) => {
      mkdirSync(join(place.out, "previews"));
      writeFileSync(join(place.out, "previews", "step-01.png"), OLD);
      const args = [...GENERATE, "--output", "picture.png", "--previews", "previews"];
      await assertRefused(place, args, { names: /step-01\.png/ });
    }));

  it("previews in a folder that is a file", () =>
    withWorkplace(async (place) => {
      writeFileSync(join(place.out, "previews"), OLD);
      const args = [...GENERATE, "--output", "picture.png", "--previews", "previews", "--overwrite"];
      await assertRefused(place, args, { names: /previews/ });
    }));

  it("previews below a folder that does not exist", () =>
    withWorkplace(async (place) => {
      const args = [...GENERATE, "--output", "picture.png", "--previews", "no/such/previews"];
      await assertRefused(place, args, { names: /no\/such/ });
    }));
});

/** Root may read and write everything; permissions count again once it has given up its capabilities. */
const runWithoutPrivileges: typeof runCli = (args, options) =>
  process.getuid?.() === 0
    ? runProcess(
        "setpriv",
        ["--bounding-set", "-all", "--inh-caps", "-all", process.execPath, CLI_PATH, ...args],
        options,
      )
    : runCli(args, options);

describe("missing permissions", { concurrency: 4 }, () => {
  for (const [command, args] of Object.entries(WRITERS)) {
    it(`${command} into a read-only folder`, () =>
      withWorkplace(async (place) => {
        const folder = join(place.out, "read-only");
        mkdirSync(folder);
        writeFileSync(join(folder, "old.png"), OLD);
        chmodSync(folder, 0o555);
        const call = [...args, "--output", "read-only/old.png", "--overwrite"];
        await assertRefused(place, call, { names: /read-only.*permission denied/, run: runWithoutPrivileges });
      }));
  }

  it("generate without a name in a read-only folder", () =>
    withWorkplace(async (place) => {
      chmodSync(place.out, 0o555);
      await assertRefused(place, GENERATE, { names: /a-fox\.png.*permission denied/, run: runWithoutPrivileges });
    }));

  const unreadable = [
    ["a checkpoint folder", ".", /permission denied/],
    ["a component folder", "vae", /vae.*permission denied/],
    ["a configuration", "transformer/config.json", /transformer\/config\.json.*permission denied/],
    ["weights", "transformer/diffusion_pytorch_model.safetensors", /diffusion_pytorch_model.*permission denied/],
    ["a tokenizer", "tokenizer/tokenizer.json", /tokenizer\.json.*permission denied/],
  ] as const;
  for (const [name, path, names] of unreadable) {
    it(`${name} that may not be read`, () =>
      withWorkplace(async (place) => {
        const damaged = join(place.checkpoint, path);
        const before = snapshot(place.folder);
        chmodSync(damaged, 0o000);
        const args = ["generate", "a fox", "--model", place.checkpoint, ...TINY_JOB];
        const result = await runWithoutPrivileges(args, { cwd: place.out, env: place.env });
        chmodSync(damaged, 0o755);
        assertRefusal(result, names);
        assert.deepEqual(snapshot(place.folder), before);
      }));
  }

  for (const [option, args] of [
    ["--latents", GENERATE],
    ["--image", [...GENERATE, "--strength", "1"]],
  ] as const) {
    it(`a file of ${option} that may not be read`, () =>
      withWorkplace(async (place) => {
        const file = join(place.out, "secret");
        writeFileSync(file, OLD);
        chmodSync(file, 0o000);
        const result = await runWithoutPrivileges([...args, option, "secret"], { cwd: place.out, env: place.env });
        assertRefusal(result, /secret.*permission denied/);
        assert.deepEqual(readdirSync(place.out), ["secret"]);
      }));
  }
});

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

/** Everything but the previews, which are whole pictures and stay. */
function filesIn(place: Workplace): string[] {
  return readdirSync(place.out, { recursive: true, encoding: "utf8" }).filter(
    (name) => name !== "previews" && !/^previews\/step-\d{4}\.png$/.test(name),
  );
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
        assert.deepEqual(filesIn(place), ["picture.png"]);
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
