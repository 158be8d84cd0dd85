import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import promises from "node:fs/promises";
import { join } from "node:path";
import { describe, it, mock } from "node:test";
import { fileURLToPath } from "node:url";
import { SanaError } from "../../../sidecar/errors";
import { checkOutputTargets, writeOutputFiles, type IfExists } from "../../../sidecar/files/output-file";
import { withFolder } from "./temporary-folder";
import { withoutPrivileges } from "./without-privileges";

/** Makes this file write a large file instead of testing; see "a limit on the size of files". */
const CHILD_MODE = "write-a-large-file";

if (process.argv[2] === CHILD_MODE) {
  writeOutputFiles([{ path: process.argv[3]!, bytes: new Uint8Array(2 ** 20), ifExists: "replace" }]).catch(
    (error: unknown) => {
      process.stdout.write(error instanceof SanaError ? `${error.code} ${error.message}` : String(error));
    },
  );
} else {
  describe("writeOutputFiles", testWriting);
  describe("checkOutputTargets", testChecking);
}

function testWriting(): void {
  it("writes a new file and leaves nothing else", () =>
    withFolder(async (folder) => {
      const path = join(folder, "fox.png");
      assert.deepEqual(await write(path, "new"), [path]);
      assert.deepEqual(contents(folder), { "fox.png": "new" });
    }));

  it("replaces a file only when told to", () =>
    withFolder(async (folder) => {
      const path = join(folder, "fox.png");
      writeFileSync(path, "old");
      await fails(write(path, "new"), /fox\.png: it exists already/);
      assert.deepEqual(contents(folder), { "fox.png": "old" });

      assert.deepEqual(await write(path, "new", "replace"), [path]);
      assert.deepEqual(contents(folder), { "fox.png": "new" });
    }));

  it("numbers a name that is taken, whatever has it", () =>
    withFolder(async (folder) => {
      const path = join(folder, "fox.png");
      symlinkSync("nowhere", join(folder, "fox-2.png"));
      mkdirSync(join(folder, "fox-3.png"));
      assert.deepEqual(await write(path, "first", "number"), [path]);
      assert.deepEqual(await write(path, "second", "number"), [join(folder, "fox-4.png")]);
      assert.equal(readlinkSync(join(folder, "fox-2.png")), "nowhere");
      assert.deepEqual(readdirSync(folder).sort(), ["fox-2.png", "fox-3.png", "fox-4.png", "fox.png"]);
    }));

  it("gives many writers at once a file each, or one of them the only one", () =>
    withFolder(async (folder) => {
      await race(folder);
    }));

  it("does so on a file system without hard links", () =>
    withFolder(async (folder) => {
      const link = mock.method(promises, "link", () =>
        Promise.reject(Object.assign(new Error("EPERM: no hard links"), { code: "EPERM" })),
      );
      try {
        await race(folder);
        assert.ok(link.mock.callCount() > 0);
      } finally {
        link.mock.restore();
      }
    }));

  it("writes several files all or none", () =>
    withFolder(async (folder) => {
      const [png, latents] = [join(folder, "fox.png"), join(folder, "fox.safetensors")];
      const files = [png, latents].map((path) => ({ path, bytes: Buffer.from("new"), ifExists: "refuse" as const }));
      writeFileSync(latents, "old");
      await fails(writeOutputFiles(files), /fox\.safetensors: it exists already/);
      assert.deepEqual(contents(folder), { "fox.safetensors": "old" });

      await fails(writeOutputFiles([files[0]!, files[0]!]), /fox\.png: it exists already/);
      assert.deepEqual(contents(folder), { "fox.safetensors": "old" });
    }));

  it("keeps the old file and removes its own where a limit on the size of files ends the writing", () =>
    withFolder((folder) => {
      // A full disk cannot be had without privileges. The limit makes the same call fail at the same place, with EFBIG
      // in place of ENOSPC; Node ignores the signal that goes with it.
      const path = join(folder, "fox.png");
      writeFileSync(path, "old");
      const script = 'ulimit -f 8 && exec "$0" "$@"';
      const child = spawnSync(
        "sh",
        ["-c", script, process.execPath, fileURLToPath(import.meta.url), CHILD_MODE, path],
        {
          encoding: "utf8",
        },
      );
      assert.equal(child.stdout, `output-failed cannot write ${path}: the file would be larger than allowed (EFBIG)`);
      assert.deepEqual(contents(folder), { "fox.png": "old" });
    }));
}

function testChecking(): void {
  it("lets pass what can be written and leaves nothing", () =>
    withFolder(async (folder) => {
      const existing = join(folder, "old.png");
      writeFileSync(existing, "old");
      await checkOutputTargets([
        { path: join(folder, "new.png"), ifExists: "refuse" },
        { path: existing, ifExists: "replace" },
      ]);
      await checkOutputTargets([{ path: existing, ifExists: "number" }]);
      assert.deepEqual(contents(folder), { "old.png": "old" });
    }));

  it("refuses what cannot be written and leaves nothing", () =>
    withFolder(async (folder) => {
      const existing = join(folder, "old.png");
      writeFileSync(existing, "old");
      mkdirSync(join(folder, "sub"));
      symlinkSync("old.png", join(folder, "link.png"));
      for (const [path, ifExists, message] of [
        [existing, "refuse", /old\.png: it exists already/],
        [join(folder, "sub"), "replace", /sub: it is a folder/],
        [join(folder, "sub/"), "replace", /does not name a file/],
        ["", "refuse", /"": it does not name a file/],
        [`${folder}/a\0b`, "refuse", /does not name a file/],
        [join(folder, "link.png"), "replace", /symbolic link/],
        ["/dev/null", "replace", /not a regular file/],
        [join(folder, "missing", "fox.png"), "refuse", /folder .*missing does not exist/],
        [join(existing, "fox.png"), "refuse", /a part of the path is not a folder/],
        [join(folder, "x".repeat(300)), "refuse", /name is too long/],
      ] as const) {
        await fails(checkOutputTargets([{ path, ifExists }]), message);
      }
      assert.deepEqual(readdirSync(folder).sort(), ["link.png", "old.png", "sub"]);
      assert.equal(readFileSync(existing, "utf8"), "old");
    }));

  it("refuses one path for two outputs", () =>
    withFolder(async (folder) => {
      const targets = ["fox.png", "./sub/../fox.png"].map((name) => ({
        path: `${folder}/${name}`,
        ifExists: "replace" as const,
      }));
      await fails(checkOutputTargets(targets), /named for two outputs/);
    }));

  it("refuses a folder that cannot be written to", () =>
    withFolder(async (folder) => {
      chmodSync(folder, 0o555);
      await withoutPrivileges(() =>
        fails(
          checkOutputTargets([{ path: join(folder, "fox.png"), ifExists: "refuse" }]),
          /fox\.png: permission denied/,
        ),
      );
    }));
}

function write(path: string, text: string, ifExists: IfExists = "refuse"): Promise<string[]> {
  return writeOutputFiles([{ path, bytes: Buffer.from(text), ifExists }]);
}

async function race(folder: string): Promise<void> {
  const writers = Array.from({ length: 20 }, (_, i) => String(i));
  const paths = await Promise.all(writers.map((text) => write(join(folder, "fox.png"), text, "number")));
  assert.deepEqual(
    paths.map(([path]) => readFileSync(path!, "utf8")),
    writers,
  );
  const outcomes = await Promise.allSettled(writers.map((text) => write(join(folder, "cat.png"), text)));
  const winner = outcomes.findIndex(({ status }) => status === "fulfilled");
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  assert.equal(readFileSync(join(folder, "cat.png"), "utf8"), writers[winner]);
  assert.equal(readdirSync(folder).length, writers.length + 1);
}

function contents(folder: string): Record<string, string> {
  return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

async function fails(writing: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(writing, (error) => {
    assert.ok(error instanceof SanaError, String(error));
    assert.equal(error.code, "output-failed");
    assert.match(error.message, message);
    return true;
  });
}
