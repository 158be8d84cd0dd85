import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { LOCK_NAME } from "../../sidecar/assets/lock-file";
import { MANIFEST_NAME } from "../../sidecar/protocol";
import { decodePng } from "../../sidecar/image/png-decoder";
import { assertRefusal, assertRefused, snapshot } from "../cli/assert-refused";
import { jsonOf } from "../cli/calls";
import { withWorkplace, type Workplace } from "../cli/fixtures";
import { CLI_PATH, runCli, runProcess, type CliResult } from "../cli/run-cli";
import { MODEL } from "../cli/writers";

/** With the goldens' tiny checkpoint, whose smallest pictures take a tenth of a second. */
const TINY = { width: 32, height: 32, steps: 1 };

function declare(place: Workplace, assets: readonly object[], defaults: object = TINY): void {
  writeFileSync(join(place.out, MANIFEST_NAME), JSON.stringify({ defaults, assets }));
}

const assetsNamed = (names: readonly string[]): object[] =>
  names.map((name) => ({ path: `${name}.png`, prompt: name }));

/** Runs the command with the tiny checkpoint, which makes 512 × 512 and resizes that. */
function run(place: Workplace, args: readonly string[] = []): Promise<CliResult> {
  return runCli(["assets", ...MODEL, ...args], { cwd: place.out, env: place.env });
}

async function succeed(place: Workplace, args: readonly string[] = []): Promise<Record<string, unknown>> {
  const result = await run(place, [...args, "--json"]);
  assert.equal(result.code, 0, result.stderr);
  return jsonOf(result);
}

describe("assets with the bundled checkpoint", () => {
  it("builds every format, and nothing a second time", () =>
    withWorkplace(async (place) => {
      const small = { width: 64, height: 64, steps: 2 };
      declare(
        place,
        [
          { path: "图/fox.png", prompt: "a red fox", sizes: [16, "2x"] },
          { path: "cat.webp", prompt: "一只猫", seed: "9223372036854775807" },
          { path: "database.jpg", prompt: "🗄️", style: "flat vector illustration" },
        ],
        small,
      );
      const args = ["assets", "--json"];
      const options = { cwd: place.out, env: place.env };
      const unbuilt = await runCli([...args, "--check"], options);
      assert.equal(unbuilt.code, 1);
      assert.deepEqual(
        (jsonOf(unbuilt)["stale"] as { state: string }[]).map(({ state }) => state),
        ["missing", "missing", "missing"],
      );
      assert.deepEqual(readdirSync(place.out), [MANIFEST_NAME]);

      const built = jsonOf(await runCli(args, options));
      assert.deepEqual(built["built"], ["图/fox.png", "cat.webp", "database.jpg"]);
      assert.deepEqual(readdirSync(join(place.out, "图")).sort(), ["fox-16.png", "fox.png", "fox@2x.png"]);
      const sides = (name: string): number => decodePng(readFileSync(join(place.out, "图", name)), name).width;
      assert.deepEqual(["fox-16.png", "fox.png", "fox@2x.png"].map(sides), [16, 32, 64]);
      assert.equal(readFileSync(join(place.out, "cat.webp")).toString("latin1", 8, 12), "WEBP");

      const before = snapshot(place.folder);
      const checked = await runCli([...args, "--check"], options);
      assert.equal(checked.code, 0, checked.stderr);
      const again = jsonOf(await runCli(args, options));
      assert.deepEqual([again["built"], (again["upToDate"] as string[]).length], [[], 3]);
      assert.deepEqual(snapshot(place.folder), before);
      const inspected = await runCli(["inspect", join("图", "fox.png"), "--json"], options);
      assert.equal(jsonOf(inspected)["prompt"], "a red fox");
    }));

  it("gives a transparent background to a picture with enough steps", () =>
    withWorkplace(async (place) => {
      declare(place, [{ path: "fox.png", prompt: "a red fox", transparent: true, seed: 3, steps: 6 }], {
        model: "quality",
      });
      const result = await runCli(["assets"], { cwd: place.out, env: place.env });
      assert.equal(result.code, 0, result.stderr);
      const png = readFileSync(join(place.out, "fox.png"));
      // Colour type 6 is colour with alpha.
      assert.deepEqual([png.readUInt32BE(16), png[25]], [512, 6]);
    }));
});

describe("assets", () => {
  it("names the model as the reason where another one has become the default, and is content when it is named", () =>
    withWorkplace(async (place) => {
      const options = { cwd: place.out, env: place.env };
      const assets = [{ path: "fox.png", prompt: "a red fox" }];
      declare(place, assets, { width: 64, height: 64 });
      assert.equal((await runCli(["assets", "--quality"], options)).code, 0);
      const { stdout } = await runCli(["assets", "--check"], options);
      assert.match(stdout, /^out-of-date: fox\.png \(it was made with another model\)/);
      declare(place, assets, { width: 64, height: 64, model: "quality" });
      assert.equal((await runCli(["assets", "--check"], options)).code, 0);
    }));

  it("takes the file, its folder, or what is in the current folder", () =>
    withWorkplace(async (place) => {
      declare(place, assetsNamed(["a"]));
      assert.deepEqual((await succeed(place))["built"], ["a.png"]);
      assert.deepEqual((await succeed(place, ["."]))["upToDate"], ["a.png"]);
      assert.deepEqual((await succeed(place, [join("..", "out", MANIFEST_NAME)]))["upToDate"], ["a.png"]);
    }));

  it("resumes after SIGKILL at any moment", () =>
    withWorkplace(async (place) => {
      const names = ["a", "b", "c", "d"];
      declare(place, assetsNamed(names));
      for (const delay of [150, 400, 700, 1000]) {
        const child = spawn(process.execPath, [CLI_PATH, "assets", ...MODEL], {
          cwd: place.out,
          env: { ...process.env, ...place.env },
          stdio: "ignore",
        });
        const ended = new Promise((resolve) => child.on("exit", resolve));
        await sleep(delay);
        child.kill("SIGKILL");
        await ended;
      }
      const result = await succeed(place);
      assert.deepEqual(result["failed"], []);
      const both = [...(result["built"] as string[]), ...(result["upToDate"] as string[])];
      assert.deepEqual(
        both.sort(),
        names.map((name) => `${name}.png`),
      );
      // Temporary files of the killed builds are gone with their workers or named as such; nothing else is left.
      const left = readdirSync(place.out).filter((name) => !/^\.sana-[0-9a-f]{16}\.tmp$/.test(name));
      assert.deepEqual(left.sort(), [...names.map((name) => `${name}.png`), MANIFEST_NAME, LOCK_NAME].sort());
      assert.deepEqual((await succeed(place, ["--check"]))["stale"], []);
    }));

  it("stops at SIGINT with what is done", () =>
    withWorkplace(async (place) => {
      const names = Array.from({ length: 30 }, (_, i) => String(i));
      declare(place, assetsNamed(names));
      const child = spawn(process.execPath, [CLI_PATH, "assets", ...MODEL], {
        cwd: place.out,
        env: { ...process.env, ...place.env },
        stdio: "ignore",
      });
      const ended = new Promise((resolve) => child.on("exit", resolve));
      while (!existsSync(join(place.out, "1.png"))) await sleep(20);
      child.kill("SIGINT");
      assert.equal(await ended, 130);
      const result = await succeed(place);
      assert.ok((result["upToDate"] as string[]).length >= 2);
      assert.equal((result["built"] as string[]).length + (result["upToDate"] as string[]).length, 30);
    }));

  it("lets a second builder wait for the first", () =>
    withWorkplace(async (place) => {
      declare(place, assetsNamed(["a", "b", "c"]));
      const results = await Promise.all([run(place, ["--json"]), run(place, ["--json"])]);
      const built = results.flatMap((result) => jsonOf(result)["built"] as string[]);
      assert.deepEqual(built.sort(), ["a.png", "b.png", "c.png"]);
      assert.match(
        results.map(({ stderr }) => stderr).join(""),
        /waiting for process \d+, which makes the same assets/,
      );
    }));

  it("checks a hundred assets and names what is wrong with each", () =>
    withWorkplace(async (place) => {
      const names = Array.from({ length: 100 }, (_, i) => `folder-${i % 7}/picture ${i}`);
      declare(place, [...assetsNamed(names), { path: "wide.png", prompt: "x", sizes: [64] }]);
      const result = await run(place, ["--check", "--json"]);
      assert.equal(result.code, 1);
      assert.match(result.stderr, /101 of 101 assets are not up to date\n$/);
      const stale = jsonOf(result)["stale"] as { path: string; state: string; reason: string }[];
      assert.equal(stale.filter(({ state }) => state === "missing").length, 100);
      assert.match(stale.at(-1)!.reason, /wider than the picture, which has 32 pixels/);
    }));

  it("reports what fails and makes the rest", () =>
    withWorkplace(async (place) => {
      mkdirSync(join(place.out, "taken.png"));
      symlinkSync(place.checkpoint, join(place.out, "out"));
      const assets = [{ path: "x.png", prompt: "x", model: "missing" }, ...assetsNamed(["taken", "out/a", "good"])];
      declare(place, assets);
      const checkpoint = snapshot(place.checkpoint);
      const result = await run(place, ["--overwrite", "--json"]);
      assert.equal(result.code, 1);
      assert.deepEqual(jsonOf(result)["built"], ["good.png"]);
      assert.match(result.stderr, /x\.png: .*missing/);
      assert.match(result.stderr, /taken\.png: cannot write .*it is a folder/);
      assert.match(result.stderr, /out\/a\.png: .*a symbolic link leads out/);
      assert.match(result.stderr, /3 of 4 assets failed\n$/);
      assert.deepEqual(snapshot(place.checkpoint), checkpoint);
    }));

  it("leaves the old files where there is no room for the new ones", () =>
    withWorkplace(async (place) => {
      declare(place, assetsNamed(["a"]));
      await succeed(place);
      declare(place, [{ path: "a.png", prompt: "another", width: 512, height: 512 }]);
      // A limit of 64 KiB on any file stands for a full disk; the picture is noise of more than that.
      const script = 'ulimit -f 64; exec "$@"';
      const old = statSync(join(place.out, "a.png")).size;
      const limited = await runProcess("bash", ["-c", script, "bash", process.execPath, CLI_PATH, "assets", ...MODEL], {
        cwd: place.out,
        env: place.env,
      });
      assert.equal(limited.code, 1, limited.stderr);
      assert.match(limited.stderr, /a\.png: .*larger than allowed/);
      assert.equal(statSync(join(place.out, "a.png")).size, old);
      assert.deepEqual((await succeed(place))["built"], ["a.png"]);
    }));

  const bad: Record<string, [text: string, names: RegExp]> = {
    "a syntax error": [`{ "assets": [ { "path": } ] }`, /sana\.assets\.json:1:25: not valid JSON: value expected/],
    "an absolute path": [`{"assets":[{"path":"/tmp/a.png","prompt":"x"}]}`, /assets\[0\]\.path must be a path inside/],
    "a path to the folder above": [`{"assets":[{"path":"../a.png","prompt":"x"}]}`, /path must be a path inside/],
    "a path that is named twice": [
      `{"assets":[{"path":"a.png","prompt":"x"},{"path":"a.png","prompt":"y"}]}`,
      /a\.png is made twice/,
    ],
    "an unknown key": [`{"assets":[],"size":1}`, /size is not known here/],
    "no UTF-8": [`{"assets":[{"path":"\u00ff"}]}`, /it is not UTF-8/],
  };
  for (const [name, [text, names]] of Object.entries(bad)) {
    it(`refuses ${name}`, () =>
      withWorkplace(async (place) => {
        writeFileSync(join(place.out, MANIFEST_NAME), text, name === "no UTF-8" ? "latin1" : "utf8");
        await assertRefused(place, ["assets"], { names });
        await assertRefused(place, ["assets", "--check"], { names });
      }));
  }

  it("refuses a manifest that is not there, and a damaged lock file", () =>
    withWorkplace(async (place) => {
      await assertRefused(place, ["assets"], { names: /cannot read sana\.assets\.json: it does not exist/ });
      declare(place, assetsNamed(["a"]));
      writeFileSync(join(place.out, LOCK_NAME), "{}");
      assertRefusal(await run(place), /lock\.json is damaged/);
      assertRefusal(await run(place, ["--check"]), /lock\.json is damaged/);
    }));
});
