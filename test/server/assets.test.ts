import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  existsSync,
  unlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { CancellationTokenSource, type CodeLens, type Diagnostic, type Hover } from "vscode-languageserver/node";
import {
  AssetsSettingsNotification,
  BuildAssetsRequest,
  CheckAssetsRequest,
  MANIFEST_NAME,
  PROTOCOL_VERSION,
  type AssetsProgress,
  type BuildAssetsParams,
  type BuildAssetsResult,
  type CheckAssetsResult,
} from "../../sidecar/protocol";
import { goldenCheckpoint } from "../cli/fixtures";
import { errorOf, ServerClient } from "./server-client";
import { until } from "./workshop";

/** The goldens' tiny checkpoint makes 512 × 512 in a fraction of a second, which is resized. */
const MODEL = goldenCheckpoint("sana-1.0");
const TINY = { width: 32, height: 32, steps: 1 };

/** An editor with one manifest, as the server sees it. */
class Editor {
  readonly folder = mkdtempSync(join(tmpdir(), "sana-assets-"));
  readonly client = new ServerClient({ args: ["--model", MODEL] });
  readonly file = join(this.folder, MANIFEST_NAME);
  readonly uri = pathToFileURL(this.file).href;
  /** The last that was published. */
  diagnostics: Diagnostic[] | undefined;
  readonly watched: string[] = [];
  refreshes = 0;
  private readonly progress = new Map<string, AssetsProgress[]>();
  private version = 0;
  private tokens = 0;

  async start(trusted = true): Promise<void> {
    const { connection } = this.client;
    connection.onNotification(
      "textDocument/publishDiagnostics",
      (params: { uri: string; diagnostics: Diagnostic[] }) => {
        if (params.uri === this.uri) this.diagnostics = params.diagnostics;
      },
    );
    connection.onRequest(
      "client/registerCapability",
      (params: { registrations: { registerOptions: { watchers: { globPattern: string }[] } }[] }) => {
        for (const { registerOptions } of params.registrations) {
          this.watched.push(...registerOptions.watchers.map(({ globPattern }) => globPattern));
        }
        return null;
      },
    );
    connection.onNotification("$/progress", ({ token, value }: { token: string; value: AssetsProgress }) => {
      this.progress.get(token)?.push(value);
    });
    connection.onRequest("workspace/codeLens/refresh", () => {
      this.refreshes += 1;
      return null;
    });
    const workspace = { codeLens: { refreshSupport: true }, didChangeWatchedFiles: { dynamicRegistration: true } };
    await connection.sendRequest("initialize", {
      processId: null,
      rootUri: null,
      capabilities: { workspace },
      initializationOptions: { protocolVersion: PROTOCOL_VERSION },
    });
    await connection.sendNotification("initialized", {});
    await connection.sendNotification(AssetsSettingsNotification.method, { trusted, model: null });
  }

  /** Opens the manifest or changes its text, as typing would, and waits for what is wrong with it. */
  async show(text: string): Promise<[code: unknown, at: string][]> {
    this.diagnostics = undefined;
    this.version += 1;
    const { uri, version } = this;
    await (version === 1
      ? this.client.connection.sendNotification("textDocument/didOpen", {
          textDocument: { uri, version, languageId: "jsonc", text },
        })
      : this.client.connection.sendNotification("textDocument/didChange", {
          textDocument: { uri, version },
          contentChanges: [{ text }],
        }));
    return this.published(text);
  }

  async published(text: string): Promise<[code: unknown, at: string][]> {
    await until(() => this.diagnostics !== undefined, "diagnostics are published");
    const lines = text.split("\n");
    // Each of them stands in one line.
    return this.diagnostics!.map(({ code, range }) => [
      code,
      lines[range.start.line]!.slice(range.start.character, range.end.character),
    ]);
  }

  async lenses(): Promise<string[]> {
    const params = { textDocument: { uri: this.uri } };
    const lenses = await this.client.connection.sendRequest<CodeLens[]>("textDocument/codeLens", params);
    return lenses.map(({ command }) => `${command!.title} ${String(command!.arguments![1])}`);
  }

  hover(line: number, character: number): Promise<Hover | null> {
    const params = { textDocument: { uri: this.uri }, position: { line, character } };
    return this.client.connection.sendRequest("textDocument/hover", params);
  }

  check(trusted = true): Promise<CheckAssetsResult> {
    return this.client.connection.sendRequest(CheckAssetsRequest.method, { manifest: this.file, trusted });
  }

  build(params: Partial<BuildAssetsParams> = {}): {
    result: Promise<BuildAssetsResult>;
    progress: AssetsProgress[];
    cancel: () => void;
  } {
    this.tokens += 1;
    const token = `build-${this.tokens}`;
    const progress: AssetsProgress[] = [];
    this.progress.set(token, progress);
    const cancellation = new CancellationTokenSource();
    const all = { token, manifest: this.file, trusted: true, ...params };
    const request = this.client.connection.sendRequest<BuildAssetsResult>(
      BuildAssetsRequest.method,
      all,
      cancellation.token,
    );
    const cancel = (): void => {
      cancellation.cancel();
    };
    return { result: request, progress, cancel };
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  save(manifest: object): string {
    const text = JSON.stringify({ defaults: TINY, ...manifest }, null, 1);
    writeFileSync(this.file, text);
    return text;
  }
}

async function withEditor(use: (editor: Editor) => Promise<void>, trusted = true): Promise<void> {
  const editor = new Editor();
  try {
    await editor.start(trusted);
    await use(editor);
    assert.equal(await editor.client.stop(), 0);
    assert.doesNotMatch(editor.client.log, /\[error\]|no request of the server/);
  } finally {
    editor.client.kill();
    await editor.client.exited;
    rmSync(editor.folder, { recursive: true, force: true });
  }
}

const named = (...names: string[]): object[] => names.map((name) => ({ path: `${name}.png`, prompt: name }));

describe("the language server of sana.assets.json", { concurrency: 2 }, () => {
  it("follows the text and what lies on the disk", () =>
    withEditor(async (editor) => {
      writeFileSync(editor.path("taken.png"), "somebody else's");
      const text = editor.save({ assets: [...named("a", "taken", "A"), { path: "../b.png", prompt: "x" }] });
      assert.deepEqual(await editor.show(text), [
        ["duplicate-path", '"A.png"'],
        ["missing", '"a.png"'],
        ["conflict", '"taken.png"'],
        ["missing", '"A.png"'],
      ]);
      assert.deepEqual((await editor.lenses()).slice(0, 3), ["Generate a.png", "Generate taken.png", "Open taken.png"]);
      assert.ok(editor.watched.includes(`**/${MANIFEST_NAME}`), editor.watched.join());

      const wide = editor.save({ assets: [{ path: "a.png", prompt: "a", sizes: [64] }] });
      assert.deepEqual(await editor.show(wide), [["invalid", '"a.png"']]);
      const good = editor.save({ assets: named("a") });
      assert.deepEqual(await editor.show(good), [["missing", '"a.png"']]);
      editor.diagnostics = undefined;
      assert.deepEqual((await editor.build().result).built, ["a.png"]);
      assert.deepEqual(await editor.published(good), []);
      assert.deepEqual(await editor.lenses(), ["Open a.png"]);
      assert.ok(editor.refreshes > 0);
      const line = good.split("\n").findIndex((one) => one.includes("a.png"));
      const hover = await editor.hover(line, good.split("\n")[line]!.indexOf("a.png"));
      assert.match(
        (hover!.contents as { value: string }).value,
        /^!\[\]\(file:\/\/\/.*a\.png\|width=\d+\)\n\n\*\*Up to date/,
      );

      const changed = editor.save({ assets: [{ path: "a.png", prompt: "another" }] });
      assert.deepEqual(await editor.show(changed), [["out-of-date", '"a.png"']]);
      assert.deepEqual(await editor.lenses(), ["Generate a.png", "Open a.png"]);
      editor.diagnostics = undefined;
      unlinkSync(editor.path("a.png"));
      const changes = [{ uri: pathToFileURL(editor.path("a.png")).href, type: 3 }];
      await editor.client.connection.sendNotification("workspace/didChangeWatchedFiles", { changes });
      assert.deepEqual(await editor.published(changed), [["missing", '"a.png"']]);
    }));

  it("answers while a text is not written to its end, and forgets a file that is closed", () =>
    withEditor(async (editor) => {
      const text = `{ "assets": [{ "path": "a.png", "prompt": "x" },\n{ "path": "b.p`;
      assert.deepEqual(await editor.show(text), [["missing", '"a.png"']]);
      assert.deepEqual(await editor.lenses(), ["Generate a.png"]);
      editor.diagnostics = undefined;
      await editor.client.connection.sendNotification("textDocument/didClose", { textDocument: { uri: editor.uri } });
      assert.deepEqual(await editor.published(text), []);
    }));

  it("opens no model and follows no link that an untrusted workspace names", () =>
    withEditor(async (editor) => {
      mkdirSync(editor.path("ws"));
      symlinkSync("/", editor.path("root"));
      const assets = [
        { path: "root/tmp/a.png", prompt: "x" },
        { path: "b.png", prompt: "x", model: MODEL },
        { path: "c.png", prompt: "x", model: "quality" },
      ];
      const text = editor.save({ assets });
      assert.deepEqual(await editor.show(text), [
        ["invalid", '"root/tmp/a.png"'],
        ["invalid", '"b.png"'],
        ["missing", '"c.png"'],
      ]);
      assert.match(editor.diagnostics![0]!.message as string, /a symbolic link leads out of \//);
      assert.match(
        editor.diagnostics![1]!.message as string,
        /names a model's folder, which counts in trusted workspaces only/,
      );
      const { built, failed } = await editor.build({ trusted: false }).result;
      assert.deepEqual([built, failed.length], [["c.png"], 2]);
      assert.ok(!existsSync("/tmp/a.png"));
    }, false));
});

describe("builds of a manifest", { concurrency: 2 }, () => {
  it("are reported, and what fails leaves the rest alone", () =>
    withEditor(async (editor) => {
      mkdirSync(editor.path("taken.png"));
      const text = editor.save({ assets: named("a", "taken", "b") });
      const { result, progress } = editor.build({ overwrite: true });
      const { built, failed } = await result;
      assert.deepEqual([built, failed.map(({ path }) => path)], [["a.png", "b.png"], ["taken.png"]]);
      assert.match(failed[0]!.message, /it is a folder/);
      assert.deepEqual(
        progress
          .filter(({ fraction }) => fraction === 0)
          .map(({ path, index, total, failed: bad }) => [path, index, total, bad]),
        [
          ["a.png", 0, 3, 0],
          ["taken.png", 1, 3, 0],
          ["b.png", 2, 3, 1],
        ],
      );
      // The manifest is not open; the problem is published all the same.
      assert.deepEqual(await editor.published(text), [["failed", '"taken.png"']]);
      assert.deepEqual(await editor.show(text), [["failed", '"taken.png"']]);
      assert.deepEqual(await editor.show(`${text}\n`), [["conflict", '"taken.png"']]);
      const { assets } = await editor.check();
      assert.deepEqual(
        assets.map(({ state }) => state),
        ["up-to-date", "conflict", "up-to-date"],
      );
    }));

  it("of one asset leave the others alone", () =>
    withEditor(async (editor) => {
      editor.save({ assets: named("a", "b") });
      assert.deepEqual(await editor.build({ only: ["b.png"] }).result, {
        built: ["b.png"],
        upToDate: [],
        failed: [],
        orphans: [],
      });
      assert.ok(!existsSync(editor.path("a.png")));
    }));

  it("that are cancelled keep what is finished and go on there", () =>
    withEditor(async (editor) => {
      const names = Array.from({ length: 8 }, (_, i) => `p${i}`);
      editor.save({ assets: named(...names) });
      const { result, cancel } = editor.build();
      await until(() => existsSync(editor.path("p1.png")), "two pictures are there");
      cancel();
      const error = await errorOf(result);
      assert.equal(error.data?.code, "cancelled");
      const finished = readFileSync(editor.path("p0.png"));
      const { assets } = await editor.check();
      const due = assets.filter(({ state }) => state !== "up-to-date").map(({ path }) => path);
      assert.ok(due.length > 0 && due.length <= 6, String(due.length));
      assert.deepEqual((await editor.build().result).built, due);
      assert.ok(readFileSync(editor.path("p0.png")).equals(finished));
    }));

  it("of another window are waited for", () =>
    withEditor(async (editor) => {
      editor.save({ assets: named("a", "b") });
      const other = new ServerClient({ args: ["--model", MODEL] });
      try {
        await other.initialize();
        const params = { token: "other", manifest: editor.file, trusted: true };
        const first = other.connection.sendRequest<BuildAssetsResult>(BuildAssetsRequest.method, params);
        await until(() => existsSync(editor.path(".sana.assets.building")), "the other window builds");
        const { result, progress } = editor.build();
        assert.deepEqual((await result).upToDate, ["a.png", "b.png"]);
        assert.equal(progress[0]!.stage, "waiting");
        assert.deepEqual((await first).built, ["a.png", "b.png"]);
        assert.equal(await other.stop(), 0);
      } finally {
        other.kill();
      }
    }));

  it("of a manifest with errors name the place", () =>
    withEditor(async (editor) => {
      writeFileSync(editor.file, `{ "assets": [\n  { "path": "/etc/a.png", "prompt": "x" }] }`);
      for (const error of await Promise.all([errorOf(editor.build().result), errorOf(editor.check())])) {
        assert.match(error.message, /sana\.assets\.json:2:13: assets\[0\]\.path must be a path inside/);
      }
    }));
});
