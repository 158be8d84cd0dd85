import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Model } from "../../extension/panel/panel-messages";
import { isLive, liveForm } from "../../webview/live";
import { INITIAL_STATE, reduce, type Action, type State } from "../../webview/state";
import { FAST, formOf, jobOf, MODEL, pictureOf } from "./samples";

function found(...models: Model[]): State["models"] {
  return { state: "ready", models, unusable: [], error: null };
}

function stateWith(change: Partial<State> = {}): State {
  return { ...INITIAL_STATE, models: found(MODEL), form: formOf(), liveMode: "on", ...change };
}

describe("the live picture", () => {
  it("is by itself there for models of few steps on mains power", () => {
    const models = found(FAST);
    assert.equal(isLive(stateWith({ liveMode: "auto" })), false);
    assert.equal(isLive(stateWith({ liveMode: "auto", models })), true);
    assert.equal(isLive(stateWith({ liveMode: "auto", models, onBattery: true })), false);
    assert.equal(isLive(stateWith({ liveMode: "on", models, onBattery: true })), true);
    assert.equal(isLive(stateWith({ liveMode: "off", models })), false);
  });

  it("is one picture of few steps, and never of more than were asked for", () => {
    const stepsOf = (change: Partial<State>) => liveForm(stateWith(change))?.steps;
    assert.equal(stepsOf({}), 8);
    assert.equal(stepsOf({ form: formOf({ steps: 3, count: 4 }) }), 3);
    assert.equal(stepsOf({ form: formOf({ steps: 50 }) }), 8);
    assert.equal(stepsOf({ models: found(FAST) }), 2);
    assert.equal(liveForm(stateWith({ form: formOf({ count: 4 }) }))?.count, 1);
  });

  it("is not made of what could not be made, nor beside pictures that were asked for", () => {
    assert.equal(liveForm(stateWith({ form: formOf({ prompt: "  " }) })), null);
    assert.equal(liveForm(stateWith({ form: formOf({ width: 500 }) })), null);
    assert.equal(liveForm(stateWith({ models: INITIAL_STATE.models })), null);
    assert.equal(liveForm(stateWith({ jobs: [jobOf("1", { state: "running" })] })), null);
    assert.notEqual(liveForm(stateWith({ jobs: [jobOf("1", { state: "failed" })] })), null);
    assert.equal(liveForm(stateWith({ liveMode: "off" })), null);
  });

  it("keeps the last picture on show while the next one is made or has failed", () => {
    const after = (...actions: Action[]) => actions.reduce(reduce, stateWith());
    const shown = after({ type: "following" }, { type: "live", png: "AAAA", finished: true });
    assert.deepEqual(shown.live, { png: "AAAA", progress: "finished", error: null });
    const next = reduce(shown, { type: "following" });
    assert.deepEqual(next.live, { png: "AAAA", progress: "making", error: null });
    const failed = reduce(next, { type: "liveFailed", error: "no memory" });
    assert.deepEqual(failed.live, { png: "AAAA", progress: "failed", error: "no memory" });
  });

  it("gives way to what the user asks for or looks at, and does not come back late", () => {
    const pictures = [pictureOf("a")];
    const live = reduce(stateWith({ pictures }), { type: "following" });
    for (const action of [
      { type: "submitted" },
      { type: "select", id: "a" },
      { type: "liveMode", mode: "off" },
    ] as const) {
      const gone = reduce(live, action);
      assert.equal(gone.live, null, action.type);
      assert.equal(reduce(gone, { type: "live", png: "AAAA", finished: false }).live, null, action.type);
    }
  });
});
