import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { toJsonSchema } from "@valibot/to-json-schema";
import { parseToolInput, TOOL_DESCRIPTION, ToolInput } from "../../../sidecar/agents/tool-input";

describe("what an agent asks for", () => {
  it("is taken as it is, one picture by default", () => {
    const input = { prompt: "一只红狐 🦊", width: 512, height: 256, steps: 8, seed: 7, path: "images/a fox.png" };
    assert.deepEqual(parseToolInput(input), { ...input, count: 1 });
    assert.deepEqual(parseToolInput({ prompt: "fox", count: 4, negativePrompt: "" }), {
      prompt: "fox",
      count: 4,
      negativePrompt: "",
    });
  });

  it("is refused with the names of what is not allowed", () => {
    for (const [input, message] of [
      [{}, /^prompt /],
      [{ prompt: " \n" }, /^prompt must not be empty$/],
      [{ prompt: "x".repeat(2001) }, /^prompt must have at most 2000 characters$/],
      [{ prompt: "x", width: 4096 }, /^width must be 1024 or less$/],
      [{ prompt: "x", height: 100.5 }, /^height must be a whole number; height must be 128 or more$/],
      [{ prompt: "x", count: 5 }, /^count must be 4 or less$/],
      [{ prompt: "x", steps: 0 }, /^steps must be 1 or more$/],
      [{ prompt: "x", seed: -1 }, /^seed must be 0 or more$/],
      [{ prompt: "x", model: "/etc" }, /^model must be fast or quality$/],
      [null, /^the input /],
    ] as const) {
      assert.throws(() => parseToolInput(input), { message }, JSON.stringify(input));
    }
  });

  it("never leaves the workspace folder", () => {
    for (const path of [
      "../a.png",
      "a/../../b.png",
      "/etc/a.png",
      "C:/a.png",
      "a\\..\\b.png",
      "a//b.png",
      "./a.png",
      "a.jpg",
      ".png",
      "a/.png",
      "a\u0000.png",
      "a./b.png",
      "..../a.png",
    ]) {
      assert.throws(() => parseToolInput({ prompt: "x", path }), /path must be a path inside/, path);
    }
    for (const path of ["a.png", "a/b/c.PNG", "图片/狐.png", ".github/a.png", "a..b.png"]) {
      assert.equal(parseToolInput({ prompt: "x", path }).path, path);
    }
  });

  it("is what package.json tells agents in VS Code", () => {
    const manifest = JSON.parse(readFileSync("package.json", "utf8")) as {
      contributes: { languageModelTools: { modelDescription: string; inputSchema: object }[] };
    };
    const [tool] = manifest.contributes.languageModelTools;
    const schema = toJsonSchema(ToolInput, { typeMode: "input" });
    assert.deepEqual({ $schema: schema.$schema, ...tool!.inputSchema }, schema);
    assert.equal(tool!.modelDescription, TOOL_DESCRIPTION);
  });
});
