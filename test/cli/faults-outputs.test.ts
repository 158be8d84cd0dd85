import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { assertRefusal, assertRefused, snapshot } from "./assert-refused";
import { TINY_JOB, withWorkplace } from "./fixtures";
import { CLI_PATH, runCli, runProcess } from "./run-cli";
import { DECODE, GENERATE, OLD, WRITERS } from "./writers";

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
