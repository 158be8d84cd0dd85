import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { SidecarProcess } from "../../../extension/sidecar/sidecar-process";

describe("the sidecar's process", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "sana-process-"));
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function start(program: string, args: readonly string[] = []): SidecarProcess {
    const script = join(folder, `${Math.random()}.cjs`);
    writeFileSync(script, program);
    return new SidecarProcess(script, args, folder);
  }

  it("gets its arguments, its folder and an Electron that is Node", async () => {
    const program = "console.log(JSON.stringify([process.argv[2], process.cwd(), process.env.ELECTRON_RUN_AS_NODE]))";
    const process = start(program, ["serve"]);
    let output = "";
    process.child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    assert.equal(await process.ended, "exit code 0");
    const [argument, cwd, electron] = JSON.parse(output) as string[];
    assert.equal(argument, "serve");
    assert.ok(cwd!.endsWith(folder.split("/").at(-1)!));
    assert.equal(electron, "1");
  });

  it("says how it ended", async () => {
    assert.equal(await start("process.exit(3)").ended, "exit code 3");
    const process = start("setInterval(() => {}, 1000)");
    assert.equal(await process.endedWithin(50), null);
    process.child.kill("SIGKILL");
    assert.equal(await process.ended, "killed by SIGKILL");
  });

  it("says why it could not be started", async () => {
    const process = new SidecarProcess("x.cjs", [], join(folder, "no-such-folder"));
    assert.match(await process.ended, /ENOENT/);
    await process.end();
  });

  it("is gone when it has been ended, and survives being written to", async () => {
    const process = start("process.stdin.on('end', () => process.exit(0)).resume()");
    await process.end();
    assert.equal(await process.ended, "exit code 0");
    process.child.stdin.write("late");
    await process.end();
  });
});
