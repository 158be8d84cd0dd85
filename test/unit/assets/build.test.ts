import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import type { AssetModel } from "../../../sidecar/assets/asset-model";
import { buildAssets, type BuildEvent, type BuildOptions, type BuildResult } from "../../../sidecar/assets/build";
import { hashOfFile, type FileHashes } from "../../../sidecar/assets/file-hash";
import { LOCK_NAME, readLock, sha256Of } from "../../../sidecar/assets/lock-file";
import { parseManifest } from "../../../sidecar/assets/manifest";
import { planAssets, type Plan } from "../../../sidecar/assets/plan";
import { reasonText } from "../../../sidecar/assets/reason";
import { SanaError } from "../../../sidecar/errors";
import { encodePng } from "../../../sidecar/image/png-encoder";
import { decodePng } from "../../../sidecar/image/png-decoder";
import { withFolder } from "../files/temporary-folder";
import { withoutPrivileges } from "../files/without-privileges";

const MODEL_HASH = sha256Of("weights");

/** A model that makes multiples of 8, at most 64 × 64. */
const model: AssetModel = {
  hash: MODEL_HASH,
  knowsNegativePrompt: true,
  resolve: ({ width = 64, height = 64, steps = 2, guidanceScale = 1 }) => {
    if (width % 8 !== 0) throw new SanaError("invalid-parameter", `width is ${width}; this makes multiples of 8`);
    return { width, height, steps, guidanceScale };
  },
};

/** A plain picture whose colour depends on the prompt. */
function draw(prompt: string, width: number, height: number): Uint8Array {
  const color = Buffer.from(sha256Of(prompt), "hex");
  return encodePng({ width, height, data: Uint8Array.from({ length: 3 * width * height }, (_, i) => color[i % 3]!) });
}

class Workspace {
  /** Prompts of the pictures that were made. */
  readonly made: string[] = [];
  readonly events: BuildEvent[] = [];
  /** Names of the models that were looked at. */
  readonly opened: string[] = [];
  model = model;
  trusted = true;

  constructor(readonly folder: string) {}

  build(manifest: object, overrides: Partial<BuildOptions> = {}): Promise<BuildResult> {
    const options: BuildOptions = {
      ...this.context(),
      generate: ({ prompt, width, height }) => {
        this.made.push(prompt);
        return Promise.resolve({ png: draw(prompt, width, height), modelHash: this.model.hash });
      },
      signal: new AbortController().signal,
      overwrite: false,
      onEvent: (event) => this.events.push(event),
      ...overrides,
    };
    return buildAssets(assetsOf(manifest), options);
  }

  async plan(manifest: object): Promise<Plan> {
    return planAssets(assetsOf(manifest), await readLock(this.folder), this.context());
  }

  async states(manifest: object): Promise<string[]> {
    return (await this.plan(manifest)).assets.map(({ state }) => state);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  private context() {
    const openModel = (folder: string): Promise<AssetModel> => {
      this.opened.push(basename(folder));
      return Promise.resolve(this.model);
    };
    return { folder: this.folder, defaultModel: "model", trusted: this.trusted, openModel };
  }
}

function assetsOf(manifest: object) {
  const { assets, issues } = parseManifest(JSON.stringify(manifest));
  assert.deepEqual(issues, []);
  return assets;
}

const withWorkspace = (use: (workspace: Workspace) => Promise<void>): Promise<void> =>
  withFolder((folder) => use(new Workspace(folder)));

const TWO = {
  assets: [
    { path: "a.png", prompt: "fox" },
    { path: "deep/er/b.webp", prompt: "cat", sizes: [16] },
  ],
};

describe("buildAssets", () => {
  it("makes what is missing, then nothing any more", () =>
    withWorkspace(async (workspace) => {
      assert.deepEqual(await workspace.states(TWO), ["missing", "missing"]);
      const first = await workspace.build(TWO);
      assert.deepEqual(first, { built: ["a.png", "deep/er/b.webp"], upToDate: [], failed: [], orphans: [] });
      assert.deepEqual(readdirSync(workspace.folder).sort(), ["a.png", "deep", LOCK_NAME]);
      assert.deepEqual(readdirSync(workspace.path("deep/er")).sort(), ["b-16.webp", "b.webp"]);
      assert.deepEqual(await workspace.states(TWO), ["up-to-date", "up-to-date"]);

      const lock = readFileSync(workspace.path(LOCK_NAME), "utf8");
      const second = await workspace.build(TWO);
      assert.deepEqual(second.upToDate, ["a.png", "deep/er/b.webp"]);
      assert.deepEqual(workspace.made, ["fox", "cat"]);
      assert.equal(readFileSync(workspace.path(LOCK_NAME), "utf8"), lock);
    }));

  it("makes again what was deleted, has other parameters, or another model", () =>
    withWorkspace(async (workspace) => {
      const [fox, cat] = TWO.assets;
      await workspace.build(TWO);
      unlinkSync(workspace.path("deep/er/b-16.webp"));
      assert.deepEqual(await workspace.states(TWO), ["up-to-date", "missing"]);
      const changed = { assets: [{ ...fox, steps: 3 }, cat] };
      assert.deepEqual(await workspace.states(changed), ["out-of-date", "missing"]);
      assert.deepEqual((await workspace.build(changed)).built, ["a.png", "deep/er/b.webp"]);
      for (const edit of [{ seed: 1 }, { negativePrompt: "x" }, { width: 32 }, { guidanceScale: 2 }, { sizes: [8] }]) {
        assert.deepEqual((await workspace.states({ assets: [{ ...fox, ...edit }] }))[0] === "up-to-date", false);
      }
      // What does not change the picture does not count: the text beside it, and the model's own defaults written out.
      assert.deepEqual(await workspace.states({ assets: [{ ...fox, steps: 3, alt: "A fox", width: 64 }, cat] }), [
        "up-to-date",
        "up-to-date",
      ]);
      workspace.model = { ...model, hash: sha256Of("other weights") };
      assert.deepEqual(await workspace.states(changed), ["out-of-date", "out-of-date"]);
    }));

  it("refuses a negative prompt for a model that knows none, and builds the rest", () =>
    withWorkspace(async (workspace) => {
      const [fox, cat] = TWO.assets;
      const manifest = { assets: [{ ...fox, negativePrompt: "x" }, cat] };
      workspace.model = { ...model, knowsNegativePrompt: false };
      assert.deepEqual(await workspace.states(manifest), ["invalid", "missing"]);
      const { built, failed } = await workspace.build(manifest);
      assert.equal(built.length, 1);
      assert.match(failed[0]!.message, /^negativePrompt has no meaning for a Sprint checkpoint.*"quality"/);
    }));

  it("writes every size and density", () =>
    withWorkspace(async (workspace) => {
      const sizes = [16, "2x", { path: "touch.jpg", width: 24 }];
      await workspace.build({ assets: [{ path: "a.png", prompt: "fox", width: 64, height: 32, sizes }] });
      const size = (name: string): number[] => {
        const { width, height } = decodePng(readFileSync(workspace.path(name)), name);
        return [width, height];
      };
      assert.deepEqual(
        [size("a.png"), size("a@2x.png"), size("a-16.png")],
        [
          [32, 16],
          [64, 32],
          [16, 8],
        ],
      );
      assert.equal(readFileSync(workspace.path("touch.jpg")).readUInt16BE(0), 0xffd8);
    }));

  it("never replaces a file that it did not make or that was changed, unless told to", () =>
    withWorkspace(async (workspace) => {
      await workspace.build(TWO);
      writeFileSync(workspace.path("a.png"), "retouched by hand");
      writeFileSync(workspace.path("mine.png"), "mine");
      const three = { assets: [...TWO.assets, { path: "mine.png", prompt: "dog" }] };
      assert.deepEqual(await workspace.states(three), ["conflict", "up-to-date", "conflict"]);
      const { failed, built } = await workspace.build(three);
      assert.deepEqual(built, []);
      assert.match(failed[0]!.message, /a\.png was changed since it was made; replacing it was not asked for/);
      assert.match(failed[1]!.message, /mine\.png exists, but was not made from this manifest/);
      assert.equal(readFileSync(workspace.path("a.png"), "utf8"), "retouched by hand");
      assert.equal(workspace.made.length, 2);

      const only = new Set(["a.png"]);
      assert.deepEqual((await workspace.build(three, { overwrite: true, only })).built, ["a.png"]);
      assert.deepEqual(await workspace.states(three), ["up-to-date", "up-to-date", "conflict"]);
      assert.equal(readFileSync(workspace.path("mine.png"), "utf8"), "mine");
    }));

  it("goes on after a failure and says what failed", () =>
    withWorkspace(async (workspace) => {
      const assets = ["1", "2", "3"].map((name) => ({ path: `${name}.png`, prompt: name }));
      const wide = { path: "wide.png", prompt: "x", sizes: [65] };
      const odd = { path: "odd.png", prompt: "x", width: 12 };
      const result = await workspace.build(
        { assets: [wide, ...assets, odd] },
        {
          generate: ({ prompt }) =>
            prompt === "2"
              ? Promise.reject(new SanaError("insufficient-memory", "too large"))
              : Promise.resolve({ png: draw(prompt, 64, 64), modelHash: MODEL_HASH }),
        },
      );
      assert.deepEqual(result.built, ["1.png", "3.png"]);
      const messages = Object.fromEntries(result.failed.map(({ path, message }) => [path, message]));
      assert.match(messages["wide.png"]!, /65 of wide-65\.png is wider than the picture, which has 64/);
      assert.match(messages["odd.png"]!, /multiples of 8/);
      assert.equal(messages["2.png"], "too large");
      assert.deepEqual(await workspace.states({ assets }), ["up-to-date", "missing", "up-to-date"]);
    }));

  it("keeps what was done when it is cancelled", () =>
    withWorkspace(async (workspace) => {
      const assets = ["1", "2", "3"].map((name) => ({ path: `${name}.png`, prompt: name }));
      const controller = new AbortController();
      const cancelled = workspace.build(
        { assets },
        {
          signal: controller.signal,
          generate: ({ prompt }) => {
            if (prompt === "2") controller.abort();
            return Promise.resolve({ png: draw(prompt, 64, 64), modelHash: MODEL_HASH });
          },
        },
      );
      await assert.rejects(cancelled, { code: "cancelled" });
      assert.deepEqual(readdirSync(workspace.folder).sort(), ["1.png", LOCK_NAME]);
      await workspace.build({ assets });
      assert.deepEqual(workspace.made, ["2", "3"]);
    }));

  it("goes on where a killed build was, at whichever of its writes", () =>
    withWorkspace(async (workspace) => {
      const before = { assets: [{ path: "a.png", prompt: "fox", sizes: [16] }] };
      const after = { assets: [{ path: "a.png", prompt: "cat", sizes: [16] }] };
      const files = [LOCK_NAME, "a.png", "a-16.png"];
      const read = (): Buffer[] => files.map((name) => readFileSync(workspace.path(name)));
      await workspace.build(before);
      const old = read();
      const lockOf = async (text: Buffer): Promise<Record<string, unknown>> => {
        writeFileSync(workspace.path(LOCK_NAME), text);
        return { ...(await readLock(workspace.folder)).get("a.png") };
      };
      await workspace.build(after);
      const young = read();
      const { files: previous } = await lockOf(old[0]!);
      const entry = { ...(await lockOf(young[0]!)), previous };
      const pending = JSON.stringify({ lockfileVersion: 1, assets: { "a.png": entry } });
      // The lock file comes first, then one file after the other.
      for (const replaced of [0, 1, 2]) {
        writeFileSync(workspace.path(LOCK_NAME), pending);
        files.slice(1).forEach((name, i) => {
          writeFileSync(workspace.path(name), (i < replaced ? young : old)[i + 1]!);
        });
        assert.deepEqual(await workspace.states(after), [replaced === 2 ? "up-to-date" : "out-of-date"]);
        assert.deepEqual((await workspace.build(after)).failed, []);
        assert.deepEqual(await workspace.states(after), ["up-to-date"]);
      }
    }));

  it("takes over files that another asset of the manifest has made", () =>
    withWorkspace(async (workspace) => {
      await workspace.build({ assets: [{ path: "a.png", prompt: "fox", sizes: [16] }] });
      const split = {
        assets: [
          { path: "a.png", prompt: "fox" },
          { path: "a-16.png", prompt: "small fox", width: 16 },
        ],
      };
      assert.deepEqual((await workspace.build(split)).failed, []);
      assert.deepEqual(await workspace.states(split), ["up-to-date", "up-to-date"]);
    }));

  it("names what is left of assets that are gone, and forgets it when it is deleted", () =>
    withWorkspace(async (workspace) => {
      await workspace.build(TWO);
      const one = { assets: [TWO.assets[0]!] };
      assert.deepEqual((await workspace.plan(one)).orphans, ["deep/er/b-16.webp", "deep/er/b.webp"]);
      assert.deepEqual((await workspace.build(one)).orphans, ["deep/er/b-16.webp", "deep/er/b.webp"]);
      rmSync(workspace.path("deep"), { recursive: true });
      assert.deepEqual((await workspace.build(one)).orphans, []);
      assert.deepEqual([...(await readLock(workspace.folder)).keys()], ["a.png"]);
    }));

  it("refuses to leave the folder through a symbolic link", () =>
    withWorkspace(async (outer) => {
      mkdirSync(outer.path("inside"));
      mkdirSync(outer.path("outside"));
      const workspace = new Workspace(outer.path("inside"));
      symlinkSync("../outside", workspace.path("out"));
      symlinkSync("nowhere", workspace.path("broken"));
      symlinkSync("../outside/target.png", workspace.path("file.png"));
      mkdirSync(workspace.path("real"));
      symlinkSync("real", workspace.path("link"));
      const paths = ["out/a.png", "out/deep/a.png", "broken/a.png", "file.png", "link/a.png"];
      const { built, failed } = await workspace.build(
        { assets: paths.map((path) => ({ path, prompt: "x" })) },
        { overwrite: true },
      );
      assert.deepEqual(built, ["link/a.png"]);
      assert.equal(failed.length, 4);
      for (const { message } of failed) assert.match(message, /symbolic link|does not exist/);
      assert.deepEqual(readdirSync(outer.path("outside")), []);
      assert.deepEqual(readdirSync(workspace.path("real")), ["a.png"]);
    }));

  it("knows before it builds that a symbolic link leads out of the folder", () =>
    withWorkspace(async (workspace) => {
      symlinkSync("..", workspace.path("out"));
      const plan = await workspace.plan({ assets: [{ path: "out/a.png", prompt: "x" }] });
      assert.deepEqual([plan.assets[0]!.state, plan.assets[0]!.recipe], ["invalid", null]);
      assert.match(reasonText(plan.assets[0]!.reason), /symbolic link leads out/);
    }));

  it("opens no model that the manifest of an untrusted workspace names", () =>
    withWorkspace(async (workspace) => {
      workspace.trusted = false;
      const manifest = {
        assets: [
          { path: "a.png", prompt: "x", model: "evil" },
          { path: "b.png", prompt: "x" },
        ],
      };
      assert.deepEqual(await workspace.states(manifest), ["invalid", "missing"]);
      assert.deepEqual(workspace.opened, ["model"]);
      const { built, failed } = await workspace.build(manifest);
      assert.deepEqual([built, failed.map(({ path }) => path)], [["b.png"], ["a.png"]]);
    }));

  it("refuses a lock file that leads elsewhere", () =>
    withWorkspace(async (workspace) => {
      await workspace.build({ assets: [{ path: "a.png", prompt: "x" }] });
      const text = readFileSync(workspace.path(LOCK_NAME), "utf8");
      writeFileSync(
        workspace.path(LOCK_NAME),
        text.replace('"a.png":', '"../a.png":').replace('"a.png":', '"../a.png":'),
      );
      await assert.rejects(workspace.plan({ assets: [] }), { code: "invalid-input-file" });
    }));

  it("reads a file again when it has changed, and not before", () =>
    withWorkspace(async (workspace) => {
      const known: FileHashes = new Map();
      const hash = (): Promise<string | undefined> => hashOfFile(workspace.folder, "a.png", known);
      assert.equal(await hash(), undefined);
      writeFileSync(workspace.path("a.png"), "one");
      assert.equal(await hash(), sha256Of("one"));
      const [[path, entry]] = [...known] as [[string, { stamp: string; hash: string }]];
      known.set(path, { ...entry, hash: "remembered" });
      assert.equal(await hash(), "remembered");
      writeFileSync(workspace.path("a.png"), "three");
      assert.equal(await hash(), sha256Of("three"));
      unlinkSync(workspace.path("a.png"));
      assert.equal(await hash(), undefined);
    }));

  it("says before the first picture that the folder cannot be written to", () =>
    withWorkspace(async (workspace) => {
      chmodSync(workspace.folder, 0o555);
      await withoutPrivileges(() =>
        assert.rejects(workspace.build(TWO), { code: "output-failed", message: /permission denied/ }),
      );
      assert.deepEqual(workspace.made, []);
    }));

  it("refuses a damaged lock file", () =>
    withWorkspace(async (workspace) => {
      writeFileSync(workspace.path(LOCK_NAME), "<<<<<<< HEAD\n");
      await assert.rejects(workspace.build(TWO), { code: "invalid-input-file", message: /lock\.json is damaged/ });
      assert.ok(!existsSync(workspace.path("a.png")));
    }));

  it("lets two builds of one folder follow each other", () =>
    withWorkspace(async (workspace) => {
      const slow: BuildOptions["generate"] = async ({ prompt }) => {
        workspace.made.push(prompt);
        await new Promise((resolve) => setTimeout(resolve, 300));
        return { png: draw(prompt, 64, 64), modelHash: MODEL_HASH };
      };
      const results = await Promise.all([
        workspace.build(TWO, { generate: slow }),
        workspace.build(TWO, { generate: slow }),
      ]);
      assert.deepEqual(workspace.made, ["fox", "cat"]);
      assert.deepEqual(
        results.map(({ built, upToDate }) => built.length + upToDate.length),
        [2, 2],
      );
      assert.equal(workspace.events.filter(({ type }) => type === "waiting").length, 1);
    }));
});
