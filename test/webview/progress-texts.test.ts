import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Job } from "../../extension/panel/panel-messages";
import { l10n } from "../../webview/l10n";
import { announcement, stageText, timeLeftText } from "../../webview/progress-texts";
import { INITIAL_STATE } from "../../webview/state";
import { jobOf, pictureOf } from "./samples";

function heard(before: Job[], after: Job[]) {
  return announcement({ ...INITIAL_STATE, jobs: before }, { ...INITIAL_STATE, jobs: after });
}

function atStep(step: number): Job {
  return jobOf("1", { state: "running", stage: "steps", step, total: 20, secondsLeft: 20 - step });
}

describe("what is said about a job", () => {
  it("names the stage, the step that is being made and the place in the queue", () => {
    assert.equal(stageText(atStep(0)), "Step 1 of 20");
    assert.equal(stageText(atStep(20)), "Step 20 of 20");
    assert.equal(stageText(jobOf("1", { ahead: 2 })), "Waiting: 2 before this one");
    assert.equal(stageText(jobOf("1", { state: "failed" })), "Failed");
  });

  it("tells the time left of what runs, once it is known", () => {
    assert.equal(timeLeftText(atStep(8)), "about 12 sec left");
    assert.equal(timeLeftText({ ...atStep(8), secondsLeft: 150 }), "about 3 min left");
    assert.equal(timeLeftText({ ...atStep(8), secondsLeft: null }), "");
    assert.equal(timeLeftText(jobOf("1")), "");
  });

  it("announces stages and each quarter of the steps, not every step", () => {
    const steps = Array.from({ length: 20 }, (_, step) => heard([atStep(step)], [atStep(step + 1)]));
    assert.deepEqual(
      steps.flatMap((said, step) => (said === null ? [] : [step + 1])),
      [5, 10, 15, 20],
    );
    assert.equal(heard([jobOf("1")], [jobOf("1", { state: "running", stage: "load" })])?.message, "Loading the model…");
  });

  it("announces a finished picture politely and a failure at once", () => {
    const done = announcement(
      { ...INITIAL_STATE, jobs: [atStep(20)] },
      { ...INITIAL_STATE, jobs: [atStep(20)], pictures: [pictureOf("1")] },
    );
    assert.deepEqual(done, { message: "Picture ready: a red fox", urgent: false });
    const failed = heard([atStep(3)], [{ ...atStep(3), state: "failed", error: "disk full" }]);
    assert.deepEqual(failed, { message: "The picture could not be made: disk full", urgent: true });
    assert.deepEqual(heard([atStep(3)], [{ ...atStep(3), state: "cancelled" }]), {
      message: "Cancelled",
      urgent: false,
    });
  });

  it("says nothing of pictures that were there before, as after a reload", () => {
    assert.equal(announcement(INITIAL_STATE, { ...INITIAL_STATE, pictures: [pictureOf("1")] }), null);
  });

  it("speaks the language of the table and falls back to English", () => {
    l10n.load({ "Step {0} of {1}": "第 {0} 步，共 {1} 步" }, "zh-cn");
    assert.equal(stageText(atStep(4)), "第 5 步，共 20 步");
    assert.equal(stageText(jobOf("1", { state: "cancelled" })), "Cancelled");
    l10n.load({}, "en");
  });
});
