import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { SanaError } from "../../../sidecar/errors";
import { readInputFile } from "../../../sidecar/files/input-file";
import { withFolder } from "./temporary-folder";

describe("readInputFile", () => {
  it("reads a file up to the limit, through a link as well", () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, "file"), "12345");
      symlinkSync("file", join(folder, "link"));
      for (const name of ["file", "link"]) {
        const bytes = await readInputFile(join(folder, name), { maxBytes: 5 });
        assert.equal(Buffer.from(bytes).toString(), "12345");
      }
    }));

  it("refuses what is missing, no regular file or too large, naming it", () =>
    withFolder(async (folder) => {
      writeFileSync(join(folder, "large"), "123456");
      mkdirSync(join(folder, "folder"));
      for (const [path, message] of [
        [join(folder, "missing"), /does not exist/],
        [join(folder, "large", "below"), /not a folder/],
        [join(folder, "folder"), /is a folder/],
        [join(folder, "large"), /6 bytes are more than the 5 allowed/],
        ["/dev/zero", /not a regular file/],
      ] as const) {
        await assert.rejects(readInputFile(path, { maxBytes: 5 }), (error) => {
          assert.ok(error instanceof SanaError && error.code === "invalid-input-file");
          assert.ok(error.message.includes(path));
          assert.match(error.message, message);
          return true;
        });
      }
    }));
});
