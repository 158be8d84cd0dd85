import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { removeAbandonedFiles, temporaryName } from "../../../sidecar/files/temporary-file";

it("removes the temporary files of processes that have ended, and no others", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sana-temporary-"));
  try {
    const ended = spawnSync(process.execPath, ["--version"]).pid;
    const own = temporaryName();
    const pattern = new RegExp(`-${process.pid}-`);
    assert.match(own, pattern);
    const abandoned = temporaryName().replace(pattern, `-${ended}-`);
    const running = temporaryName().replace(pattern, `-${process.ppid}-`);
    const [foreign, oldForeign] = ["00000000", "11111111"].map((space) =>
      temporaryName().replace(/^\.sana-\w{8}-\d+/, `.sana-${space}-${ended}`),
    );
    const lookalike = `${abandoned}.png`;
    for (const name of [own, abandoned, running, foreign!, oldForeign!, lookalike])
      writeFileSync(join(folder, name), "");
    const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 60 * 60;
    utimesSync(join(folder, oldForeign!), twoDaysAgo, twoDaysAgo);
    await removeAbandonedFiles(folder);
    assert.deepEqual(readdirSync(folder).sort(), [own, running, foreign!, lookalike].sort());
    await removeAbandonedFiles(folder, { ended: process.ppid });
    assert.deepEqual(readdirSync(folder).sort(), [own, foreign!, lookalike].sort());
    await removeAbandonedFiles(join(folder, "none"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
