import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { describe, it } from "node:test";
import { assertRefused, snapshot } from "./assert-refused";
import { bytesOf, generate, jsonOf, run } from "./calls";
import {
  float32Tensor,
  goldenCheckpoint,
  goldenInput,
  readSafetensors,
  TINY_JOB,
  withWorkplace,
  writeSafetensors,
} from "./fixtures";
import { greyPng } from "./png-bytes";
import { MODEL } from "./writers";

const SPRINT = ["--model", goldenCheckpoint("sprint")];
const LARGEST_SEED = "9223372036854775807";

/** A cell of latents for 8 channels. */
const NOISE = float32Tensor([1, 8, 1, 1], (index) => index / 4 - 1);

describe("generate", { concurrency: 3 }, () => {
  it("--json prints one object with exactly these keys", () =>
    withWorkplace(async (place) => {
      const result = await generate(place, "a fox", "--seed", LARGEST_SEED, "--output", "fox.png", "--json");
      const record = jsonOf(result);
      const keys = "path seed width height steps guidanceScale scheduler model modelHash timings";
      assert.deepEqual(Object.keys(record), keys.split(" "));
      assert.equal(record["path"], join(place.out, "fox.png"));
      assert.match(result.stdout, new RegExp(`"seed":${LARGEST_SEED},`));
      assert.deepEqual([record["width"], record["height"], record["steps"]], [32, 32, 1]);
      assert.equal(record["guidanceScale"], 4.5);
      assert.equal(record["scheduler"], "flow-dpm-solver");
      assert.equal(record["model"], "sana-1.0");
      assert.match(record["modelHash"] as string, /^[0-9a-f]{64}$/);
      const timings = Object.values(record["timings"] as Record<string, unknown>);
      assert.ok(timings.length > 0 && timings.every((seconds) => typeof seconds === "number" && seconds >= 0));
    }));

  it("reports a random seed that makes the same picture again", () =>
    withWorkplace(async (place) => {
      const record = await generate(place, "a fox", "--output", "1.png", "--json");
      const seed = /"seed":(\d+)/.exec(record.stdout)![1]!;
      await generate(place, "a fox", "--output", "2.png", "--seed", seed);
      const other = await generate(place, "a fox", "--output", "3.png", "--json");
      assert.ok(bytesOf(place, "1.png").equals(bytesOf(place, "2.png")));
      assert.notEqual(/"seed":(\d+)/.exec(other.stdout)![1], seed);
    }));

  it("gives the same bytes wherever the checkpoint and the picture lie, and changes nothing else", () =>
    withWorkplace(async (place) => {
      const args = ["generate", "a fox", ...TINY_JOB, "--seed", "7"];
      await run(place, [...args, "--model", goldenCheckpoint("sana-1.0"), "--output", "1.png"]);
      const elsewhere = join(place.folder, "别处 🦊", "sana-1.0");
      cpSync(place.checkpoint, elsewhere, { recursive: true });
      const before = snapshot(elsewhere);
      mkdirSync(join(place.out, "sub folder"));
      await run(place, [...args, "--model", relative(place.out, elsewhere), "--output", "sub folder/2.png"]);
      assert.ok(bytesOf(place, "1.png").equals(bytesOf(place, "sub folder/2.png")));
      assert.deepEqual(snapshot(elsewhere), before);
      assert.deepEqual(readdirSync(place.out).sort(), ["1.png", "sub folder"]);
      const png = bytesOf(place, "1.png").toString("latin1");
      assert.ok(!png.includes(place.folder) && !png.includes(dirname(goldenCheckpoint("sana-1.0"))));
    }));

  it("names the picture after the prompt and numbers it rather than replacing anything", () =>
    withWorkplace(async (place) => {
      for (const seed of ["1", "2", "3"]) await generate(place, "A red fox! 🦊", "--seed", seed);
      assert.deepEqual(readdirSync(place.out).sort(), ["a-red-fox-🦊-2.png", "a-red-fox-🦊-3.png", "a-red-fox-🦊.png"]);
      const first = await generate(place, "A red fox! 🦊", "--seed", "1", "--overwrite", "--json");
      assert.equal(basename(jsonOf(first)["path"] as string), "a-red-fox-🦊-4.png");
      assert.ok(bytesOf(place, "a-red-fox-🦊.png").equals(bytesOf(place, "a-red-fox-🦊-4.png")));
    }));

  it("numbers pictures that are made at the same time", () =>
    withWorkplace(async (place) => {
      const results = await Promise.all(
        ["1", "2", "3"].map((seed) => generate(place, "fox", "--seed", seed, "--json")),
      );
      const paths = results.map((result) => basename(jsonOf(result)["path"] as string));
      assert.deepEqual(paths.sort(), ["fox-2.png", "fox-3.png", "fox.png"]);
      assert.deepEqual(readdirSync(place.out).sort(), paths);
    }));

  it("makes a safe name from any prompt", () =>
    withWorkplace(async (place) => {
      const prompts = [
        "../../etc/passwd",
        "/",
        "",
        "..",
        "-rf",
        "a\nb\u001b[31mc",
        "CON",
        "x".repeat(5000),
        "\u202e\u200b",
      ];
      for (const prompt of prompts) await generate(place, "--prompt", prompt, "--seed", "1");
      const names = readdirSync(place.out);
      assert.equal(names.length, prompts.length);
      for (const name of names) assert.match(name, /^[\p{L}\p{N}][\p{L}\p{N}-]*\.png$/u);
      assert.deepEqual(readdirSync(place.folder).sort(), ["checkpoint", "out"]);
    }));

  it("--overwrite covers every file that it writes", () =>
    withWorkplace(async (place) => {
      const args = [
        "a fox",
        "--seed",
        "1",
        "--output",
        "a.png",
        "--save-latents",
        "a.safetensors",
        "--previews",
        "previews",
      ];
      await generate(place, ...args);
      const files = snapshot(place.out);
      assert.deepEqual(Object.keys(files).sort(), ["a.png", "a.safetensors", "previews", "previews/step-01.png"]);
      for (const name of ["a.png", "a.safetensors", "previews/step-01.png"])
        writeFileSync(join(place.out, name), "old");
      await generate(place, ...args, "--overwrite");
      assert.deepEqual(snapshot(place.out), files);
    }));

  it("writes to a path of any characters", () =>
    withWorkplace(async (place) => {
      const output = "新しい 🦊\n'\"$(id)\u001b[31m.png";
      const record = jsonOf(await generate(place, "a fox", "--output", output, "--json"));
      assert.equal(record["path"], join(place.out, output));
      assert.deepEqual(readdirSync(place.out), [output]);
    }));

  it("takes empty, negative and dashed values as values", () =>
    withWorkplace(async (place) => {
      await generate(place, "--prompt", "", "--negative-prompt", "", "--output", "empty.png");
      await generate(place, "--prompt", "--steps", "--output", "dashes.png", "--guidance-scale", "-1");
      await generate(place, "--output", "last.png", "--", "-5 degrees");
      assert.equal(jsonOf(await run(place, ["inspect", "dashes.png", "--json"]))["prompt"], "--steps");
      assert.equal(jsonOf(await run(place, ["inspect", "last.png", "--json"]))["prompt"], "-5 degrees");
      await assertRefused(place, ["generate", "a", ...MODEL, "--width", "-64"], { names: /-64/ });
      await assertRefused(place, ["generate", "a", ...MODEL, "--width=-64"], { names: /-64/ });
    }));

  it("--save-latents is what decode makes the same picture of", () =>
    withWorkplace(async (place) => {
      const args = ["--no-resolution-binning", "--width", "96", "--height", "64", "--steps", "2", "--no-metadata"];
      const files = ["--output", "direct.png", "--save-latents", "latents"];
      await run(place, ["generate", "a fox", ...MODEL, ...args, ...files]);
      assert.deepEqual(readSafetensors(join(place.out, "latents"))["latents"]!.shape, [1, 8, 2, 3]);
      await run(place, ["decode", ...MODEL, "--latents", "latents", "--output", "decoded.png"]);
      assert.ok(bytesOf(place, "direct.png").equals(bytesOf(place, "decoded.png")));
    }));

  it("takes any size with binning", () =>
    withWorkplace(async (place) => {
      const args = [
        "generate",
        "a fox",
        ...MODEL,
        "--steps",
        "1",
        "--width",
        "37",
        "--height",
        "201",
        "--output",
        "a.png",
      ];
      await run(place, args);
      const png = bytesOf(place, "a.png");
      assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [37, 201]);
    }));

  it("writes an 8-bit RGB picture that is not interlaced", () =>
    withWorkplace(async (place) => {
      await generate(place, "a fox", "--output", "a.png");
      // Depth, colour type, compression, filter, interlace.
      assert.deepEqual([...bytesOf(place, "a.png").subarray(24, 29)], [8, 2, 0, 0, 0]);
    }));
});

describe("noise from a file", { concurrency: 3 }, () => {
  it("decides the picture, whatever the seed and the name of the file", () =>
    withWorkplace(async (place) => {
      writeSafetensors(join(place.out, "noise.txt"), { latents: NOISE });
      const args = ["a fox", "--no-metadata", "--latents", "noise.txt"];
      await generate(place, ...args, "--seed", "1", "--output", "1.png");
      await generate(place, ...args, "--seed", "2", "--output", "2.png");
      assert.ok(bytesOf(place, "1.png").equals(bytesOf(place, "2.png")));
    }));

  it("need not hold noise for a step that gets none", () =>
    withWorkplace(async (place) => {
      writeSafetensors(join(place.out, "noise"), { latents: NOISE, step_noise: float32Tensor([0, 8, 1, 1], () => 0) });
      await run(place, ["generate", "a fox", ...SPRINT, ...TINY_JOB, "--latents", "noise"]);
    }));

  it("decides every step of Sprint", () =>
    withWorkplace(async (place) => {
      const noise = float32Tensor([2, 8, 1, 1], (index) => Math.cos(index));
      writeSafetensors(join(place.out, "noise"), { latents: NOISE, step_noise: noise });
      const args = ["generate", "a fox", ...SPRINT, ...TINY_JOB, "--steps", "3", "--no-metadata", "--latents", "noise"];
      await run(place, [...args, "--seed", "1", "--output", "1.png"]);
      await run(place, [...args, "--seed", "2", "--output", "2.png"]);
      assert.ok(bytesOf(place, "1.png").equals(bytesOf(place, "2.png")));
    }));
});

describe("timesteps of a Sprint checkpoint's own", { concurrency: 3 }, () => {
  it("decide pictures of that number of steps, and no others", () =>
    withWorkplace(
      async (place) => {
        const draw = async (timesteps: unknown, steps: string, ...more: readonly string[]): Promise<Buffer> => {
          writeFileSync(join(place.checkpoint, "generation_defaults.json"), JSON.stringify({ timesteps }));
          const output = ["--steps", steps, "--seed", "1", "--output", "a.png", "--overwrite"];
          await run(place, ["generate", "a fox", "--model", place.checkpoint, ...TINY_JOB, ...output, ...more]);
          return bytesOf(place, "a.png");
        };
        const usual = await draw(undefined, "2");
        assert.ok((await draw({ 2: [1.5708, 1.3] }, "2")).equals(usual));
        assert.ok((await draw({ 1: [1.4], 3: [1.5, 1, 0.5] }, "2")).equals(usual));
        assert.ok(!(await draw({ 2: [1.5708, 0.7] }, "2")).equals(usual));

        const late = ["--image", goldenInput("pixel-block.png"), "--strength", "0.5"];
        const start = await draw({ 2: [1.5708, 1.3] }, "2", ...late);
        assert.ok((await draw({ 2: [1.4, 1.3] }, "2", ...late)).equals(start));
        assert.ok(!(await draw({ 2: [1.5708, 0.7] }, "2", ...late)).equals(start));
      },
      { checkpoint: "sprint" },
    ));
});

describe("metadata", { concurrency: 3 }, () => {
  it("gives every parameter back", () =>
    withWorkplace(async (place) => {
      const prompt = '一只红色的狐狸 👩‍🚀🏴‍☠️\n"quoted" \\back\\ \t\u0001 é\r\n end';
      const negativePrompt = "模糊\n👎🏽";
      const args = [
        "--prompt",
        prompt,
        "--negative-prompt",
        negativePrompt,
        "--seed",
        LARGEST_SEED,
        "--guidance-scale",
        "3.25",
      ];
      const made = jsonOf(
        await generate(place, ...args, "--scheduler", "flow-match-euler", "--output", "a.png", "--json"),
      );
      const inspected = await run(place, ["inspect", "a.png", "--json"]);
      const record = jsonOf(inspected);
      assert.equal(record["prompt"], prompt);
      assert.equal(record["negativePrompt"], negativePrompt);
      assert.match(inspected.stdout, new RegExp(`"seed":${LARGEST_SEED},`));
      for (const key of ["width", "height", "steps", "guidanceScale", "scheduler", "model", "modelHash"]) {
        assert.equal(record[key], made[key], key);
      }
      assert.equal(record["guidanceScale"], 3.25);
      assert.match(record["programVersion"] as string, /^\d+\.\d+\.\d+/);
    }));

  it("is left out with --no-metadata and nothing else changes", () =>
    withWorkplace(async (place) => {
      await generate(place, "a fox", "--seed", "1", "--output", "with.png");
      await generate(place, "a fox", "--seed", "1", "--output", "without.png", "--no-metadata");
      await assertRefused(place, ["inspect", "without.png"], { names: /without\.png.*parameters/ });
      const [withText, without] = [bytesOf(place, "with.png"), bytesOf(place, "without.png")];
      // The text is one chunk behind the header.
      const length = 12 + withText.readUInt32BE(33);
      assert.equal(withText.toString("latin1", 37, 41), "iTXt");
      assert.ok(Buffer.concat([withText.subarray(0, 33), withText.subarray(33 + length)]).equals(without));
    }));

  it("is found whatever the file is called, and in spite of bytes behind its end", () =>
    withWorkplace(async (place) => {
      await generate(place, "a fox", "--seed", "1", "--output", "a.png");
      writeFileSync(join(place.out, "picture"), Buffer.concat([bytesOf(place, "a.png"), Buffer.from("PK trailing")]));
      assert.equal(jsonOf(await run(place, ["inspect", "picture", "--json"]))["prompt"], "a fox");
    }));
});

describe("other commands", { concurrency: 3 }, () => {
  it("embed writes as many rows as it was asked for", () =>
    withWorkplace(async (place) => {
      await run(place, ["embed", ...MODEL, "--prompt", "a fox", "--output", "default"]);
      await run(place, ["embed", ...MODEL, "--prompt", "a fox", "--output", "one", "--max-sequence-length", "1"]);
      for (const [name, rows] of [
        ["default", 300],
        ["one", 1],
      ] as const) {
        const { prompt_embeds: embeds, prompt_attention_mask: mask } = readSafetensors(join(place.out, name));
        assert.deepEqual([embeds!.dtype, embeds!.shape], ["F32", [1, rows, 40]]);
        assert.deepEqual([mask!.dtype, mask!.shape], ["I64", [1, rows]]);
      }
    }));

  it("decode and encode are each other's shape, and judge files by their contents", () =>
    withWorkplace(async (place) => {
      writeFileSync(join(place.out, "picture.txt"), greyPng(96, 32));
      await run(place, ["encode", ...MODEL, "--image", "picture.txt", "--output", "latents.png"]);
      const { latents } = readSafetensors(join(place.out, "latents.png"));
      assert.deepEqual([latents!.dtype, latents!.shape], ["F32", [1, 8, 1, 3]]);
      const files = ["--output", "decoded.safetensors", "--save-image-tensor", "image"];
      await run(place, ["decode", ...MODEL, "--latents", "latents.png", ...files]);
      assert.deepEqual(readSafetensors(join(place.out, "image"))["image"]!.shape, [1, 3, 32, 96]);
      const png = bytesOf(place, "decoded.safetensors");
      assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [96, 32]);
    }));

  it("pictures of every kind start image-to-image", () =>
    withWorkplace(async (place) => {
      for (const kind of ["picture", "picture-alpha", "picture-grey", "picture-grey-alpha", "picture-palette"]) {
        const image = ["--image", goldenInput(`${kind}.png`), "--strength", "1"];
        await generate(place, "a fox", ...image, "--output", `${kind}.png`);
      }
    }));

  it("a picture may be drawn over itself", () =>
    withWorkplace(async (place) => {
      writeFileSync(join(place.out, "a.png"), greyPng(64, 32));
      const args = ["a fox", "--seed", "1", "--image", "a.png", "--strength", "1", "--output", "a.png"];
      await assertRefused(place, ["generate", ...MODEL, ...TINY_JOB, ...args], { names: /a\.png/ });
      await generate(place, ...args, "--overwrite");
      assert.equal(bytesOf(place, "a.png").readUInt32BE(16), 32);
    }));

  it("inspect describes a checkpoint", () =>
    withWorkplace(async (place) => {
      const record = jsonOf(await run(place, ["inspect", goldenCheckpoint("sana-1.0"), "--json"]));
      assert.equal(record["model"], "sana-1.0");
      assert.match(record["modelHash"] as string, /^[0-9a-f]{64}$/);
    }));

  it("--provider cpu and --precision fp32 are what auto means", () =>
    withWorkplace(async (place) => {
      const args = ["a fox", "--seed", "1", "--no-metadata"];
      await generate(place, ...args, "--output", "auto.png", "--provider", "auto", "--precision", "auto");
      await generate(place, ...args, "--output", "fixed.png", "--provider", "cpu", "--precision", "fp32");
      assert.ok(bytesOf(place, "auto.png").equals(bytesOf(place, "fixed.png")));
    }));

  it("--help and --version succeed", () =>
    withWorkplace(async (place) => {
      for (const args of [["--help"], ["generate", "--help"], ["embed", "-h"], ["--version"]]) {
        assert.notEqual((await run(place, args)).stdout, "");
      }
    }));
});
