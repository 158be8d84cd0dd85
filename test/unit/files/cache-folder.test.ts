import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cacheFolder, cleanCache, readCacheFile, writeCacheFile } from "../../../sidecar/files/cache-folder";
import { temporaryName } from "../../../sidecar/files/temporary-file";
import { withFolder } from "./temporary-folder";

describe("the cache", () => {
  it("lies where the platform wants it and is made when something is written", () =>
    withCache(async (folder) => {
      assert.equal(cacheFolder(), join(folder, "sana-vscode"));
      assert.equal(await readCacheFile("map.json", { maxBytes: 10 }), undefined);
      assert.equal(existsSync(cacheFolder()), false);

      await writeCacheFile("map.json", Buffer.from("first"));
      await writeCacheFile("map.json", Buffer.from("second"));

      assert.equal(String(await readCacheFile("map.json", { maxBytes: 10 })), "second");
      assert.equal(await readCacheFile("map.json", { maxBytes: 5 }), undefined);
    }));

  it("does without when it cannot be written", () =>
    withCache(async (folder) => {
      writeFileSync(join(folder, "sana-vscode"), "a file in the folder's place");
      await writeCacheFile("map.json", Buffer.from("text"));
      assert.equal(await readCacheFile("map.json", { maxBytes: 10 }), undefined);
    }));

  it("is freed of what a process that ends was writing, in its folders too", () =>
    withCache(async () => {
      await cleanCache({ ended: process.ppid });
      const quantized = join(cacheFolder(), "quantized");
      mkdirSync(quantized, { recursive: true });
      const own = temporaryName();
      const others = own.replace(`-${process.pid}-`, `-${process.ppid}-`);
      for (const folder of [cacheFolder(), quantized]) {
        for (const name of [own, others, "kept.json"]) writeFileSync(join(folder, name), "");
      }
      await cleanCache({ ended: process.ppid });
      assert.deepEqual(readdirSync(cacheFolder()).sort(), [own, "kept.json", "quantized"].sort());
      assert.deepEqual(readdirSync(quantized).sort(), [own, "kept.json"].sort());
    }));
});

/** Runs `use` with a cache of its own. The variable is read on Linux, where the tests run. */
async function withCache(use: (folder: string) => Promise<void>): Promise<void> {
  const before = process.env["XDG_CACHE_HOME"];
  try {
    await withFolder(async (folder) => {
      process.env["XDG_CACHE_HOME"] = folder;
      await use(folder);
    });
  } finally {
    if (before === undefined) delete process.env["XDG_CACHE_HOME"];
    else process.env["XDG_CACHE_HOME"] = before;
  }
}
