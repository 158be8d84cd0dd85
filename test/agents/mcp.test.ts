import type { CallToolResult, Client, Progress, RequestOptions } from "@modelcontextprotocol/client";
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { readParameters } from "../../sidecar/image/generation-parameters";
import { decodePng } from "../../sidecar/image/png-decoder";
import { withWorkplace, type Workplace } from "../cli/fixtures";
import { runCli } from "../cli/run-cli";
import { MODEL } from "../cli/writers";
import { withMcp } from "./mcp-client";

/** A cold start on a busy machine; what takes longer hangs. */
const TIMEOUT_MS = 120_000;
const SMALL = { width: 128, height: 128, steps: 2 };

async function call(client: Client, input: object, options: RequestOptions = {}): Promise<CallToolResult> {
  const params = { name: "generate_image", arguments: { ...input } };
  return client.callTool(params, { timeout: TIMEOUT_MS, ...options });
}

/** What a refused call says. */
async function refusal(client: Client, input: object): Promise<string> {
  const { content, isError } = await call(client, input);
  assert.equal(isError, true, JSON.stringify(content).slice(0, 200));
  assert.deepEqual(
    content.map(({ type }) => type),
    ["text"],
  );
  return textOf(content[0]);
}

function textOf(part: CallToolResult["content"][number] | undefined): string {
  assert.equal(part?.type, "text");
  return (part as { text: string }).text;
}

describe("sana mcp with the bundled checkpoint", () => {
  it("offers the tool that VS Code's agents have", () =>
    withWorkplace((place) =>
      withMcp(place, async (client) => {
        const manifest = JSON.parse(readFileSync("package.json", "utf8")) as {
          contributes: { languageModelTools: { modelDescription: string; inputSchema: object }[] };
        };
        const [expected] = manifest.contributes.languageModelTools;
        const { tools } = await client.listTools();
        assert.deepEqual(
          tools.map(({ name }) => name),
          ["generate_image"],
        );
        const [tool] = tools;
        assert.deepEqual(tool!.inputSchema, { ...expected!.inputSchema, $schema: tool!.inputSchema["$schema"] });
        assert.equal(tool!.description, expected!.modelDescription);
      }),
    ));

  it("makes pictures, tells how far it is, and returns paths, links and the pictures", () =>
    withWorkplace((place) =>
      withMcp(place, async (client) => {
        const told: Progress[] = [];
        const input = { ...SMALL, prompt: "一只红狐 🦊", path: "图/fox.png", count: 2, seed: 5 };
        const { content, isError } = await call(client, input, { onprogress: (progress) => told.push(progress) });
        assert.equal(isError ?? false, false, JSON.stringify(content).slice(0, 500));
        assert.deepEqual(
          content.map(({ type }) => type),
          ["text", "image", "text", "image"],
        );
        for (const [i, name] of ["fox.png", "fox-2.png"].entries()) {
          const file = join(place.out, "图", name);
          assert.deepEqual(JSON.parse(textOf(content[2 * i])), {
            path: file,
            markdown: `![一只红狐 🦊](%E5%9B%BE/${name})`,
            seed: String(5 + i),
            width: 128,
            height: 128,
            steps: 2,
          });
          const image = content[2 * i + 1] as { data: string; mimeType: string };
          assert.equal(image.mimeType, "image/png");
          const bytes = readFileSync(file);
          assert.ok(bytes.equals(Buffer.from(image.data, "base64")));
          assert.equal(decodePng(bytes, name).width, 128);
        }
        const values = told.map(({ progress }) => progress);
        assert.deepEqual(
          values,
          [...values].sort((one, other) => one - other),
        );
        assert.equal(values.at(-1), 2);
        assert.ok(told.every(({ total }) => total === 2));
        assert.ok(told.some(({ message }) => message === "step 1 of 2"));
      }),
    ));

  it("stops within a step when the call is cancelled, leaves nothing, and answers the next", () =>
    withWorkplace((place) =>
      withMcp(place, async (client) => {
        const controller = new AbortController();
        const cancelled = call(
          client,
          { prompt: "a castle", model: "quality", steps: 50, path: "new/deep/castle.png" },
          {
            signal: controller.signal,
            onprogress: ({ message }) => {
              if (message?.startsWith("step 1 ") === true) controller.abort("enough");
            },
          },
        );
        await assert.rejects(cancelled, /enough/);
        // The next one waits for what runs; fifty steps would take much longer.
        const { content } = await call(client, { ...SMALL, prompt: "a blue house" });
        assert.match(textOf(content[0]), /a-blue-house\.png/);
        assert.deepEqual(readdirSync(place.out), ["a-blue-house.png"]);
      }),
    ));
});

describe("sana mcp", () => {
  const withTiny = (use: (client: Client, place: Workplace) => Promise<void>): Promise<void> =>
    withWorkplace((place) => withMcp(place, (client) => use(client, place), MODEL));

  it("refuses what is not allowed by its name, and writes nothing", () =>
    withTiny(async (client, place) => {
      for (const [input, message] of [
        [{}, /prompt/],
        [{ prompt: " " }, /prompt.*must not be empty/],
        [{ prompt: "x", width: 4096 }, /width.*must be 1024 or less/],
        [{ prompt: "x", count: 5 }, /count.*must be 4 or less/],
        [{ prompt: "x", model: "/etc" }, /model/],
        [{ prompt: "x", path: "../a.png" }, /path.*must be a path inside/],
        [{ prompt: "x", path: "/tmp/a.png" }, /path.*must be a path inside/],
        [{ prompt: "x", path: "a\\..\\..\\b.png" }, /path.*must be a path inside/],
      ] as const) {
        assert.match(await refusal(client, input), message, JSON.stringify(input));
      }
      await assert.rejects(client.callTool({ name: "delete_everything", arguments: {} }), /delete_everything/);
      assert.deepEqual(readdirSync(place.out), []);
    }));

  it("never overwrites and never leaves its folder by a link", () =>
    withTiny(async (client, place) => {
      const outside = join(place.folder, "outside");
      mkdirSync(outside);
      symlinkSync(outside, join(place.out, "link"));
      writeFileSync(join(place.out, "fox-2.png"), "mine");
      assert.match(await refusal(client, { prompt: "x", path: "link/fox.png" }), /link leads out of \//);
      assert.match(await refusal(client, { prompt: "x", path: "fox.png", count: 2 }), /fox-2\.png: it exists already/);
      assert.deepEqual([readdirSync(outside), readdirSync(place.out).sort()], [[], ["fox-2.png", "link"]]);
      assert.equal(readFileSync(join(place.out, "fox-2.png"), "utf8"), "mine");

      for (const expected of ["fox.png", "fox-3.png"]) {
        const { content } = await call(client, { ...SMALL, prompt: "Fox" });
        const { path } = JSON.parse(textOf(content[0])) as { path: string };
        assert.equal(path, join(place.out, expected));
        assert.equal(readParameters(readFileSync(path), path)?.prompt, "Fox");
      }
    }));

  it("refuses a folder that does not exist", () =>
    withWorkplace(async (place) => {
      const { code, stderr } = await runCli(["mcp", "--folder", "nowhere"], { cwd: place.out, env: place.env });
      assert.deepEqual([code, stderr], [1, 'sana: --folder is "nowhere", which is not a folder\n']);
    }));
});
