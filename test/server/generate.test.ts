import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import { ERROR_CODES, type EstimateResult, type InspectImageResult, type ModelsResult } from "../../sidecar/protocol";
import { goldenCheckpoint } from "../cli/fixtures";
import { runCli } from "../cli/run-cli";
import { errorOf } from "./server-client";
import { until, withWorkshop } from "./workshop";

/** The goldens' tiny checkpoint at its smallest size. */
const TINY = { model: goldenCheckpoint("sana-1.0"), width: 32, height: 32, resolutionBinning: false } as const;

const FREE_BYTES = 100_000 * 1024;

/** A system that says that so much memory is available. */
const LITTLE_MEMORY = `
const fs = require("node:fs");
const { readFileSync } = fs;
fs.readFileSync = (path, ...rest) =>
  path === "/proc/meminfo" ? "MemAvailable:  ${FREE_BYTES / 1024} kB\\n" : readFileSync(path, ...rest);`;

describe("sana/generate", () => {
  it("makes the picture that the command line makes, with previews and progress", () =>
    withWorkshop(async ({ client, folder, files }) => {
      const path = join(folder, "一只红狐 🦊.png");
      const prompt = "一只红狐 🦊";
      const picture = client.generate({ prompt, steps: 3, seed: "7", output: { path }, previews: { maxSide: 64 } });
      const result = await picture.result;
      assert.equal(result.path, path);
      assert.equal(result.seed, "7");
      assert.deepEqual([result.width, result.height, result.steps], [512, 512, 3]);
      assert.equal(result.provider, "cpu");
      assert.deepEqual(files(), ["一只红狐 🦊.png"]);
      const { total, ...phases } = result.timings;
      const sum = Object.values(phases).reduce((a, b) => a + b, 0);
      // Rounded to milliseconds, ten of them.
      assert.ok(Math.abs(sum - total!) < 0.02, `${sum} ${total!}`);

      const cli = join(folder, "cli.png");
      const { code, stderr } = await runCli(["generate", prompt, "--steps", "3", "--seed", "7", "--output", cli]);
      assert.equal(code, 0, stderr);
      assert.ok(readFileSync(path).equals(readFileSync(cli)));

      assert.deepEqual(
        picture.record.previews.map(({ step, total: of, width, height }) => [step, of, width, height]),
        [1, 2, 3].map((step) => [step, 3, 64, 64]),
      );
      for (const { png } of picture.record.previews)
        assert.equal(Buffer.from(png, "base64").toString("latin1", 1, 4), "PNG");
      const values = picture.record.progress.map(({ value }) => value);
      const stages = values.map(({ stage }) => stage).filter((stage, i, all) => stage !== all[i - 1]);
      assert.deepEqual(stages, ["load", "read-prompt", "load", "steps", "decode", "save"]);
      assert.deepEqual(
        values.filter(({ stage }) => stage === "steps").map(({ step }) => step),
        [0, 1, 2, 3],
      );
      assert.ok(values.every(({ fraction }, i) => fraction >= (values[i - 1]?.fraction ?? 0) && fraction <= 1));
      assert.equal(values.at(-1)?.fraction, 1);

      const inspected = (await client.request("sana/inspectImage", { path })) as InspectImageResult;
      assert.equal(inspected.parameters?.prompt, prompt);
      assert.equal(inspected.parameters.seed, "7");
      assert.equal(inspected.parameters.modelHash, result.modelHash);
      assert.doesNotMatch(client.log, /红狐|🦊/);
    }));

  it("makes pictures with the bundled models by their names", () =>
    withWorkshop(async ({ client, folder }) => {
      const make = (model: "fast" | "quality" | null, name: string) =>
        client.generate({ model, width: 128, height: 128, steps: 2, prompt: "", output: { path: join(folder, name) } });
      const [usual, fast, quality] = await Promise.all(
        [make(null, "usual.png"), make("fast", "fast.png"), make("quality", "quality.png")].map(({ result }) => result),
      );
      assert.equal(fast!.modelHash, usual!.modelHash);
      assert.notEqual(quality!.modelHash, fast!.modelHash);
      assert.deepEqual([fast!.scheduler, quality!.scheduler], ["scm", "flow-dpm-solver"]);
      const { seconds } = (await client.request("sana/estimate", { model: "quality", width: 128, height: 128 })) as {
        seconds: number | null;
      };
      assert.notEqual(seconds, null);
    }));

  it("makes pictures in the order in which they were asked for, and reports their places", () =>
    withWorkshop(async ({ client, folder, files }) => {
      const order: string[] = [];
      const pictures = ["a", "b", "c", "d"].map((name) => {
        const picture = client.generate({
          ...TINY,
          prompt: name,
          steps: 2,
          output: { path: join(folder, `${name}.png`) },
        });
        void picture.result.then(
          () => order.push(name),
          () => order.push(`${name} cancelled`),
        );
        return picture;
      });
      await until(() => client.queues.some(({ queue }) => queue.length === 4), "all wait");
      const full = client.queues.find(({ queue }) => queue.length === 4)!;
      assert.deepEqual(
        full.queue,
        pictures.map(({ token }, position) => ({ token, position })),
      );
      pictures[2]!.cancel();
      assert.equal((await errorOf(pictures[2]!.result)).code, ERROR_CODES.cancelled);
      assert.equal(order[0], "c cancelled");
      await Promise.all([0, 1, 3].map((index) => pictures[index]!.result));
      assert.deepEqual(order, ["c cancelled", "a", "b", "d"]);
      assert.deepEqual(files(), ["a.png", "b.png", "d.png"]);
      const places = pictures[3]!.record.progress
        .filter(({ value }) => value.stage === "queued")
        .map(({ value }) => value.step);
      assert.deepEqual([...new Set(places)], [3, 2, 1]);
      await until(() => client.queues.at(-1)!.queue.length === 0, "the queue is empty");
    }));

  it("does what ifExists says", () =>
    withWorkshop(async ({ client, folder, files }) => {
      const path = join(folder, "fox.png");
      writeFileSync(path, "old");
      const make = (ifExists: "error" | "number" | "overwrite"): Promise<{ path: string }> =>
        client.generate({ ...TINY, prompt: "", steps: 1, output: { path, ifExists } }).result;
      const error = await errorOf(make("error"));
      assert.equal(error.code, ERROR_CODES["output-failed"]);
      assert.deepEqual(error.data, { code: "output-failed" });
      assert.equal((await make("number")).path, join(folder, "fox-2.png"));
      assert.equal(readFileSync(path, "latin1"), "old");
      await make("overwrite");
      assert.notEqual(readFileSync(path, "latin1"), "old");
      assert.deepEqual(files(), ["fox-2.png", "fox.png"]);
    }));

  it("says that a prompt was cut", () =>
    withWorkshop(async ({ client, folder }) => {
      const output = { path: join(folder, "fox.png") };
      const prompt = "a very long story about foxes ".repeat(100);
      const { notices } = await client.generate({ ...TINY, prompt, steps: 1, output }).result;
      assert.ok(notices.some(({ kind }) => kind === "prompt-truncated"));
    }));

  it("starts from a picture", () =>
    withWorkshop(async ({ client, folder }) => {
      const path = join(folder, "fox.png");
      await client.generate({ ...TINY, prompt: "a fox", steps: 2, output: { path } }).result;
      const output = { path: join(folder, "again.png") };
      const picture = client.generate({ ...TINY, prompt: "a fox", steps: 4, image: { path, strength: 0.5 }, output });
      await picture.result;
      const steps = picture.record.progress.filter(({ value }) => value.stage === "steps");
      assert.equal(steps.at(-1)?.value.total, 2);
      assert.ok(picture.record.progress.some(({ value }) => value.stage === "read-image"));
    }));

  it("refuses what would not fit into memory, with both figures, and nothing is loaded", () =>
    withWorkshop(
      async ({ client, folder, files }) => {
        const estimate = (await client.request("sana/estimate", {})) as EstimateResult;
        assert.equal(estimate.fits, false);
        assert.equal(estimate.freeBytes, FREE_BYTES);
        assert.ok(estimate.neededBytes > FREE_BYTES);
        const output = { path: join(folder, "x.png") };
        const error = await errorOf(client.generate({ prompt: "", output }).result);
        assert.equal(error.code, ERROR_CODES["insufficient-memory"]);
        assert.match(error.message, /needs about \d\.\d GB of memory and 0\.1 GB are free/);
        const { neededBytes } = estimate;
        assert.deepEqual(error.data, { code: "insufficient-memory", neededBytes, freeBytes: FREE_BYTES });
        assert.equal((await client.status()).memory.worker, 0);
        assert.deepEqual(files(), []);
        // What is small enough is made.
        const small = (await client.request("sana/estimate", TINY)) as EstimateResult;
        assert.ok(small.fits, String(small.neededBytes));
        await client.generate({ ...TINY, prompt: "", steps: 1, output }).result;
      },
      { preload: LITTLE_MEMORY },
    ));

  it("refuses a token that is in use", () =>
    withWorkshop(async ({ client, folder }) => {
      const params = { ...TINY, token: "same", prompt: "", steps: 1 };
      const first = client.request("sana/generate", { ...params, output: { path: join(folder, "1.png") } });
      const error = await errorOf(
        client.request("sana/generate", { ...params, output: { path: join(folder, "2.png") } }),
      );
      assert.equal(error.code, ERROR_CODES["invalid-parameter"]);
      assert.match(error.message, /token/);
      await first;
    }));

  it("passes the pipeline's refusals on", () =>
    withWorkshop(async ({ client, folder, files }) => {
      const output = { path: join(folder, "x.png") };
      const cases = [
        [{ ...TINY, width: 33 }, "invalid-parameter", /width is 33/],
        [{ ...TINY, scheduler: "scm" }, "invalid-parameter", /scm/],
        [{ model: "best" }, "invalid-parameter", /model must be "fast", "quality" or an absolute path/],
        [{ model: "fast", negativePrompt: "x" }, "invalid-parameter", /no meaning for a Sprint checkpoint/],
        [{ ...TINY, image: { path: join(folder, "none.png") } }, "invalid-input-file", /none\.png/],
        [{ model: folder }, "invalid-checkpoint", /model_index\.json/],
        [{ ...TINY, provider: "cuda", precision: "int4" }, "unsupported", /int4/],
        [{ ...TINY, provider: "cuda" }, "unsupported", /cuda/],
      ] as const;
      for (const [params, code, names] of cases) {
        const error = await errorOf(client.generate({ ...params, prompt: "", steps: 1, output }).result);
        assert.equal(error.data?.code, code);
        assert.match(error.message, names);
      }
      assert.deepEqual(files(), []);
    }));
});

describe("sana/models", () => {
  it("describes checkpoints, says what is wrong with others, and finds those below a folder", () =>
    withWorkshop(async ({ client, folder }) => {
      const folders = [resolve("test/golden/checkpoints"), folder];
      const { models } = (await client.request("sana/models", { folders })) as ModelsResult;
      const bundled = models.slice(0, 2).map((model) => {
        assert.ok("bundled" in model);
        assert.ok(model.bytes > 100e6 && model.bytes < 170e6);
        const { steps, scheduler } = model.defaults;
        return [model.bundled, model.sprint, steps, scheduler];
      });
      assert.deepEqual(bundled, [
        ["fast", true, 2, "scm"],
        ["quality", false, 20, "flow-dpm-solver"],
      ]);
      const others = models.slice(2);
      const sprint = others.find((model) => model.folder === goldenCheckpoint("sprint"));
      assert.ok(sprint !== undefined && "sprint" in sprint && sprint.sprint && sprint.bundled === null);
      assert.deepEqual(sprint.schedulers, ["scm"]);
      const unusable = others.find((model) => model.folder === folder);
      assert.ok(unusable !== undefined && "error" in unusable);
      assert.equal(unusable.error.code, "invalid-checkpoint");
    }));
});

describe("sana/estimate", () => {
  it("knows the time once a picture was made", () =>
    withWorkshop(async ({ client, folder }) => {
      const ask = async (params: object): Promise<EstimateResult> =>
        (await client.request("sana/estimate", { ...TINY, ...params })) as EstimateResult;
      const before = await ask({ steps: 4 });
      assert.equal(before.seconds, null);
      assert.ok(before.fits && before.neededBytes > 0);
      await client.generate({ ...TINY, prompt: "a fox", steps: 4, output: { path: join(folder, "1.png") } }).result;
      const { timings } = await client.generate({
        ...TINY,
        prompt: "",
        steps: 4,
        output: { path: join(folder, "2.png") },
      }).result;
      const [same, twice] = [await ask({ steps: 4 }), await ask({ steps: 8 })];
      // The same picture again: what was measured, but for queueing and rounding.
      assert.ok(Math.abs(same.seconds! - timings["total"]!) < 0.05, `${same.seconds!} ${timings["total"]!}`);
      assert.ok(Math.abs(twice.seconds! - same.seconds! - timings["steps"]!) < 0.002);
    }));
});

describe("sana/inspectImage", () => {
  it("gives null for a picture of another program and an error for what is none", () =>
    withWorkshop(async ({ client, folder }) => {
      const path = join(folder, "fox.png");
      await client.generate({ ...TINY, prompt: "", steps: 1, metadata: false, output: { path } }).result;
      assert.deepEqual(await client.request("sana/inspectImage", { path }), { parameters: null });
      writeFileSync(path, "no picture");
      assert.equal((await errorOf(client.request("sana/inspectImage", { path }))).data?.code, "invalid-input-file");
    }));
});
