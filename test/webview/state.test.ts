import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  chosenModel,
  formFor,
  INITIAL_STATE,
  reduce,
  selectedTile,
  switchModel,
  tiles,
  type Action,
  type State,
} from "../../webview/state";
import { FAST, formOf, jobOf, MODEL, pictureOf } from "./samples";

function after(...actions: Action[]): State {
  return actions.reduce(reduce, INITIAL_STATE);
}

const init: Extract<Action, { type: "init" }> = {
  type: "init",
  form: null,
  styles: [],
  liveMode: "auto",
  jobs: [],
  pictures: [],
};

describe("the state of the page", () => {
  it("keeps a form that the page remembers, and takes the extension's where it remembers none", () => {
    const remembered = after({ type: "change", form: { prompt: "mine" } }, init);
    assert.equal(remembered.form.prompt, "mine");
    assert.equal(after({ ...init, form: formOf({ prompt: "theirs" }) }).form.prompt, "theirs");
  });

  it("changes only the fields that an edit names", () => {
    const edited = after({ type: "change", form: { prompt: "p", steps: 4 } }, { type: "edit", form: { steps: 9 } });
    assert.deepEqual([edited.form.prompt, edited.form.steps], ["p", 9]);
  });

  it("shows the newest picture after a reload", () => {
    assert.equal(after({ ...init, pictures: [pictureOf("b"), pictureOf("a")] }).selected, "b");
  });

  it("follows what is being made from a press of Generate to the picture and on to the next job", () => {
    const jobs = [jobOf("1", { state: "running" }), jobOf("2")];
    const started = after(init, { type: "submitted" }, { type: "jobs", jobs });
    assert.equal(started.selected, "1");
    const made = reduce(started, { type: "pictures", pictures: [pictureOf("1")] });
    assert.equal(made.selected, "2", "the job that is not a picture yet");
    const last = [jobs[1]!].map((job) => ({ ...job, state: "running" as const }));
    const actions: Action[] = [
      { type: "jobs", jobs: last },
      { type: "pictures", pictures: [pictureOf("2"), pictureOf("1")] },
      { type: "jobs", jobs: [] },
    ];
    const end = actions.reduce(reduce, made);
    assert.equal(end.selected, "2");
    assert.equal(selectedTile(end), end.pictures[0]);
  });

  it("stays with what the user looks at", () => {
    const state = after(
      { ...init, pictures: [pictureOf("old")] },
      { type: "submitted" },
      { type: "jobs", jobs: [jobOf("1", { state: "running" })] },
      { type: "select", id: "old" },
      { type: "jobs", jobs: [jobOf("1", { state: "running", step: 3 })] },
    );
    assert.equal(state.selected, "old");
  });

  it("goes on to the neighbour when the selected picture is deleted, and to nothing after the last", () => {
    const all = ["c", "b", "a"].map((id) => pictureOf(id));
    const state = after({ ...init, pictures: all }, { type: "select", id: "b" });
    const without = reduce(state, { type: "pictures", pictures: [all[0]!, all[2]!] });
    assert.equal(without.selected, "a");
    assert.equal(reduce(without, { type: "pictures", pictures: [] }).selected, null);
  });

  it("lists a job no more once its picture is there, although the list of jobs comes later", () => {
    const state = after(
      init,
      { type: "jobs", jobs: [jobOf("1", { state: "running" })] },
      { type: "pictures", pictures: [pictureOf("1")] },
    );
    assert.deepEqual(tiles(state), [pictureOf("1")]);
  });

  it("keeps the last preview of a cancelled job and drops that of one that is gone", () => {
    const started = after(
      init,
      { type: "jobs", jobs: [jobOf("1", { state: "running" })] },
      { type: "preview", job: "1", png: "AAAA" },
      { type: "jobs", jobs: [jobOf("1", { state: "cancelled" })] },
    );
    assert.deepEqual(started.previews, { "1": "AAAA" });
    assert.deepEqual(reduce(started, { type: "jobs", jobs: [] }).previews, {});
  });

  it("counts notices, so that the same text twice is two", () => {
    const notice = { type: "notice", severity: "info", message: "m" } as const;
    assert.equal(after(notice, notice).notice?.number, 2);
    assert.equal(after(notice, { type: "closeNotice" }).notice, null);
  });

  it("finds a bundled model by its name and any model by its folder", () => {
    const models: Action = { type: "models", state: "ready", models: [MODEL, FAST], unusable: [], error: null };
    const chosen = (model: string) => chosenModel(after({ type: "change", form: { model } }, models));
    assert.equal(chosen("fast"), FAST);
    assert.equal(chosen(FAST.folder), FAST);
    assert.equal(chosen("quality"), MODEL);
    assert.equal(chosen("usual"), MODEL);
  });

  it("keeps the size between the bundled models, and never what else was set for another model", () => {
    const own = { steps: null, guidanceScale: null };
    assert.deepEqual(switchModel(MODEL, FAST), { model: "fast", ...own });
    assert.deepEqual(switchModel(FAST, MODEL), { model: "usual", ...own });
    const other = { ...MODEL, folder: "/other", usual: false, bundled: null };
    assert.deepEqual(switchModel(FAST, other), { model: "/other", ...own, width: null, height: null });
    assert.deepEqual(switchModel(other, FAST), { model: "fast", ...own, width: null, height: null });
  });

  it("sends a negative prompt to models that know one only", () => {
    const form = formOf({ negativePrompt: "text" });
    assert.deepEqual(formFor(form, FAST), { ...form, model: "fast", negativePrompt: "" });
    assert.equal(formFor(form, MODEL).negativePrompt, "text");
  });

  it("takes the default model where the chosen one is gone", () => {
    const models: Action = { type: "models", state: "ready", models: [MODEL], unusable: [], error: null };
    assert.equal(chosenModel(after({ type: "change", form: { model: "/gone" } }, models)), MODEL);
    assert.equal(chosenModel(INITIAL_STATE), undefined);
  });
});
