import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostTestResult } from "../extension-host/host-test";
import { SUITE_SETTINGS } from "../extension-host/suite-settings";
import { missingParts } from "./missing-parts";
import { openWorkbench, type Workbench } from "./workbench";

// The suite's own limits add up to less; what takes longer hangs.
const LIMIT_MS = 300_000;

describe("the suite of the extension host, in a real VS Code in the browser", { skip: missingParts() }, () => {
  let workbench: Workbench;
  let exited: Promise<number>;
  const folder = mkdtempSync(join(tmpdir(), "sana-suite-"));
  const file = join(folder, "results.jsonl");
  before(async () => {
    let onExit: (code: number) => void = () => undefined;
    exited = new Promise((settle) => (onExit = settle));
    workbench = await openWorkbench({
      settings: SUITE_SETTINGS,
      environment: { SANA_SUITE_RESULTS: file },
      suite: { path: resolve("dist", "test", "extension-host", "suite.cjs"), onExit },
    });
  });
  after(async () => {
    await workbench.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("passes, each of its tests", async () => {
    const code = await Promise.race([exited, sleep(LIMIT_MS, "nothing within five minutes", { ref: false })]);
    const results = existsSync(file)
      ? readFileSync(file, "utf8")
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as HostTestResult)
      : [];
    assert.deepEqual(
      results.filter(({ error }) => error !== null),
      [],
    );
    assert.ok(results.length >= 6, `only ${results.length} tests ran`);
    assert.equal(code, 0);
  });
});
