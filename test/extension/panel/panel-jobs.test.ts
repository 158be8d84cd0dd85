import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { PanelJobs, type JobSurroundings, type PendingJob } from "../../../extension/panel/panel-jobs";
import type { GenerateResult } from "../../../sidecar/protocol";
import { formOf } from "../../webview/samples";

type Asked = Parameters<JobSurroundings["make"]>;

interface Settle {
  resolve(result: GenerateResult): void;
  reject(error: Error): void;
}

/** Jobs whose pictures are made, or not, by hand. */
function jobsByHand() {
  const asked: { params: Asked[0]; listeners: Asked[1]; settle: Settle }[] = [];
  const finished: string[] = [];
  const previews: string[] = [];
  let remembered: readonly PendingJob[] = [];
  let ids = 0;
  const jobs = new PanelJobs({
    make: (params, listeners, signal) => {
      return new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => {
          reject(new Error("cancelled"));
        });
        asked.push({ params, listeners, settle: { resolve, reject } });
      });
    },
    newId: () => String(++ids),
    pathOf: (id) => `/pictures/${id}.png`,
    describe: (error) => (error as Error).message,
    changed: () => undefined,
    preview: (id, png) => previews.push(`${id} ${png}`),
    finished: (job) => {
      finished.push(job.id);
      return Promise.resolve();
    },
    remember: (pending) => {
      remembered = pending;
    },
  });
  return { jobs, asked, finished, previews, remembered: () => remembered.map(({ id }) => id) };
}

const RESULT = {} as GenerateResult;

describe("the panel's jobs", () => {
  it("ask for each picture of a batch with a seed of its own, beginning again after the largest", () => {
    const { jobs, asked, remembered } = jobsByHand();
    jobs.submit(formOf({ count: 3, seed: "9223372036854775806", style: "pixel" }));
    assert.deepEqual(
      asked.map(({ params }) => [params.seed, params.prompt, params.output.path]),
      [
        ["9223372036854775806", "a red fox, pixel art", "/pictures/1.png"],
        ["9223372036854775807", "a red fox, pixel art", "/pictures/2.png"],
        ["0", "a red fox, pixel art", "/pictures/3.png"],
      ],
    );
    assert.deepEqual(remembered(), ["1", "2", "3"]);
  });

  it("say where they are, and go when their picture is there", async () => {
    const { jobs, asked, finished, remembered } = jobsByHand();
    jobs.submit(formOf());
    const { listeners, settle } = asked[0]!;
    listeners.onProgress({ stage: "queued", step: 2, total: 0, fraction: 0, secondsLeft: null });
    assert.deepEqual([jobs.all[0]!.state, jobs.all[0]!.ahead], ["waiting", 2]);
    listeners.onProgress({ stage: "steps", step: 5, total: 20, fraction: 0.4, secondsLeft: 9 });
    assert.deepEqual([jobs.all[0]!.state, jobs.all[0]!.ahead, jobs.all[0]!.step], ["running", 0, 5]);
    settle.resolve(RESULT);
    await turn();
    assert.deepEqual(finished, ["1"]);
    assert.deepEqual([jobs.all, remembered()], [[], []]);
  });

  it("keep a cancelled one with its preview until the next press, and do not bring it back after a reload", async () => {
    const { jobs, asked, remembered } = jobsByHand();
    jobs.submit(formOf());
    asked[0]!.listeners.onPreview("AAAA");
    jobs.cancel("1");
    await turn();
    assert.equal(jobs.all[0]!.state, "cancelled");
    assert.equal(jobs.previewOf("1"), "AAAA");
    assert.deepEqual(remembered(), []);
    jobs.submit(formOf());
    assert.deepEqual(
      jobs.all.map(({ id }) => id),
      ["2"],
    );
  });

  it("keep a failed one with its reason; again means the same seed and the same file", async () => {
    const { jobs, asked, finished, remembered } = jobsByHand();
    jobs.submit(formOf({ seed: "5" }));
    asked[0]!.settle.reject(new Error("the sidecar ended"));
    await turn();
    assert.deepEqual([jobs.all[0]!.state, jobs.all[0]!.error], ["failed", "the sidecar ended"]);
    assert.deepEqual(remembered(), ["1"], "a failed one outlives the window");
    jobs.retry("1");
    jobs.retry("1");
    assert.equal(asked.length, 2, "once");
    assert.deepEqual(asked[1]!.params, asked[0]!.params);
    assert.equal(jobs.all[0]!.error, null);
    asked[1]!.settle.resolve(RESULT);
    await turn();
    assert.deepEqual(finished, ["1"]);
  });

  it("come back as failed ones after a reload, ready to be asked for again or taken away", () => {
    const { jobs, asked, remembered } = jobsByHand();
    const pending = ["a", "b"].map((id) => ({ id, form: formOf({ seed: "3" }) }));
    jobs.restore(pending, "the window was closed");
    assert.deepEqual(
      jobs.all.map(({ state, error }) => [state, error]),
      [
        ["failed", "the window was closed"],
        ["failed", "the window was closed"],
      ],
    );
    assert.equal(asked.length, 0, "nothing starts by itself");
    jobs.retry("a");
    assert.equal(asked[0]!.params.seed, "3");
    jobs.dismiss("b");
    jobs.dismiss("a");
    assert.deepEqual(
      jobs.all.map(({ id }) => id),
      ["a"],
      "what runs is not taken away",
    );
    assert.deepEqual(remembered(), ["a"]);
  });

  it("do not fail with the picture that cannot be kept", async () => {
    const { asked, jobs } = jobsByHand();
    jobs.submit(formOf({ count: 2 }));
    asked[0]!.settle.reject(new Error("no space left"));
    asked[1]!.settle.resolve(RESULT);
    await turn();
    assert.deepEqual(
      jobs.all.map(({ id, error }) => [id, error]),
      [["1", "no space left"]],
    );
  });
});
