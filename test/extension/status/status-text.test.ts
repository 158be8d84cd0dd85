import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { statusText } from "../../../extension/status/status-text";
import type { GenerationProgress, Queue } from "../../../sidecar/protocol";

function queue(state: Queue["state"], pictures: number): Queue {
  return {
    state,
    model: null,
    queue: Array.from({ length: pictures }, (_, position) => ({ token: position, position })),
  };
}

const STEP: GenerationProgress = { stage: "steps", step: 3, total: 20, fraction: 0.2, secondsLeft: 4 };

describe("the status bar item", () => {
  it("is quiet while nothing is made", () => {
    assert.equal(statusText({ sidecar: "stopped", queue: null, progress: null }), "$(sparkle) Sana");
    assert.equal(statusText({ sidecar: "running", queue: null, progress: null }), "$(sparkle) Sana");
    assert.equal(statusText({ sidecar: "running", queue: queue("idle", 0), progress: null }), "$(sparkle) Sana");
  });

  it("shows that it starts and loads", () => {
    assert.equal(statusText({ sidecar: "starting", queue: null, progress: null }), "$(loading~spin) Sana");
    assert.equal(
      statusText({ sidecar: "running", queue: queue("loading", 2), progress: null }),
      "$(loading~spin) Sana +1",
    );
  });

  it("shows the step and how many pictures wait", () => {
    assert.equal(
      statusText({ sidecar: "running", queue: queue("generating", 1), progress: STEP }),
      "$(loading~spin) Sana 3/20",
    );
    assert.equal(
      statusText({ sidecar: "running", queue: queue("generating", 4), progress: STEP }),
      "$(loading~spin) Sana 3/20 +3",
    );
    const decode = { ...STEP, stage: "decode" } as const;
    assert.equal(
      statusText({ sidecar: "running", queue: queue("generating", 1), progress: decode }),
      "$(loading~spin) Sana",
    );
  });
});
