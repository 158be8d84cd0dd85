import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { goldenCheckpoint } from "./fixtures";
import { runCli } from "./run-cli";

it("leaves nothing in the user's home but its own cache: no identifier, no events to be sent", async () => {
  const home = mkdtempSync(join(tmpdir(), "sana-home-"));
  try {
    const folders = { HOME: home, TMPDIR: home, XDG_CACHE_HOME: "", XDG_DATA_HOME: "", XDG_CONFIG_HOME: "" };
    // Under continuous integration ONNX Runtime keeps quiet by itself, and this would prove nothing.
    const env = { ...folders, CI: "", GITHUB_ACTIONS: "" };
    const output = ["--output", join(home, "embeds.safetensors")];
    const { code, stderr } = await runCli(
      ["embed", "--model", goldenCheckpoint("sana-1.0"), "--prompt", "a fox", ...output],
      { env },
    );
    assert.equal(code, 0, stderr);
    const files = readdirSync(home, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name)
      .sort();
    // ONNX Runtime would add its telemetry's "deviceid" here.
    assert.deepEqual(files, ["embeds.safetensors", "weight-integrity.json"]);
  } finally {
    rmSync(home, { recursive: true });
  }
});
