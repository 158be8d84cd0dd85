import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isReallyInside } from "../../../extension/insert/real-folder";

describe("a path that is really inside a folder", () => {
  let home: string;
  before(() => {
    home = mkdtempSync(join(tmpdir(), "sana-folder-"));
    mkdirSync(join(home, "work", "images"), { recursive: true });
    mkdirSync(join(home, "outside"));
    symlinkSync(join(home, "outside"), join(home, "work", "link"));
    symlinkSync(join(home, "work"), join(home, "alias"));
  });
  after(() => {
    rmSync(home, { recursive: true, force: true });
  });

  it("may be missing, with the folders above it", async () => {
    assert.ok(await isReallyInside(join(home, "work", "a.png"), join(home, "work")));
    assert.ok(await isReallyInside(join(home, "work", "images", "new", "deep", "a.png"), join(home, "work")));
  });

  it("does not lead out through a symbolic link", async () => {
    assert.ok(!(await isReallyInside(join(home, "work", "link", "a.png"), join(home, "work"))));
    assert.ok(!(await isReallyInside(join(home, "work", "link", "new", "a.png"), join(home, "work"))));
    assert.ok(!(await isReallyInside(join(home, "outside", "a.png"), join(home, "work"))));
  });

  it("may be reached through another name of the folder", async () => {
    assert.ok(await isReallyInside(join(home, "alias", "a.png"), join(home, "work")));
    assert.ok(await isReallyInside(join(home, "work", "a.png"), join(home, "alias")));
  });
});
