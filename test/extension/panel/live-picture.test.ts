import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, it } from "node:test";
import { LivePicture, type LiveSurroundings } from "../../../extension/panel/live-picture";
import type { GenerateResult } from "../../../sidecar/protocol";
import { until } from "../../e2e/until";
import { formOf } from "../../webview/samples";

interface Asked {
  readonly prompt: string;
  readonly path: string;
  readonly metadata: boolean | undefined;
  preview(png: string): void;
  finish(bytes: string): void;
  fail(error: Error): void;
}

/** A live picture whose pictures are made, or not, by hand. */
function liveByHand() {
  const asked: Asked[] = [];
  const heard: string[] = [];
  const make: LiveSurroundings["make"] = (params, { onPreview }, signal) =>
    new Promise<GenerateResult>((resolve, reject) => {
      const fail = (error: Error): void => {
        reject(error);
      };
      signal.addEventListener("abort", () => {
        fail(new Error("cancelled"));
      });
      if (signal.aborted) fail(new Error("cancelled"));
      const { path } = params.output;
      const finish = (bytes: string): void => {
        writeFileSync(path, bytes);
        resolve({} as GenerateResult);
      };
      asked.push({ prompt: params.prompt, path, metadata: params.metadata, preview: onPreview, finish, fail });
    });
  const live = new LivePicture({
    make,
    show: (png, finished) => heard.push(`${finished ? "picture" : "preview"} ${png}`),
    failed: (error) => heard.push((error as Error).message),
  });
  return { live, asked, heard };
}

describe("the live picture", () => {
  it("is shown as far as it is and then whole, and leaves no file", async () => {
    const { live, asked, heard } = liveByHand();
    const done = live.follow(formOf());
    await until(() => asked.length === 1, 5000);
    const [picture] = asked;
    assert.deepEqual([picture!.prompt, picture!.metadata], ["a red fox", false]);
    picture!.preview("QUJD");
    picture!.finish("whole");
    await done;
    assert.deepEqual(heard, ["preview QUJD", `picture ${Buffer.from("whole").toString("base64")}`]);
    assert.ok(!existsSync(dirname(picture!.path)));
  });

  it("gives up a stale one, of which nothing is heard any more", async () => {
    const { live, asked, heard } = liveByHand();
    const stale = live.follow(formOf({ prompt: "a red" }));
    await until(() => asked.length === 1, 5000);
    const fresh = live.follow(formOf({ prompt: "a red fox" }));
    await stale;
    asked[0]!.preview("QUJD");
    await until(() => asked.length === 2, 5000);
    asked[1]!.finish("whole");
    await fresh;
    assert.deepEqual(heard, [`picture ${Buffer.from("whole").toString("base64")}`]);
    for (const { path } of asked) assert.ok(!existsSync(dirname(path)));
  });

  it("says why there is none, but not when it was stopped", async () => {
    const { live, asked, heard } = liveByHand();
    const failing = live.follow(formOf());
    await until(() => asked.length === 1, 5000);
    asked[0]!.fail(new Error("no memory"));
    await failing;
    const stopped = live.follow(formOf());
    await until(() => asked.length === 2, 5000);
    live.stop();
    await stopped;
    assert.deepEqual(heard, ["no memory"]);
  });
});
