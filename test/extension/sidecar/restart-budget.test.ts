import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RestartBudget } from "../../../extension/sidecar/restart-budget";

describe("the restart budget", () => {
  it("is used up by so many ends within the window, and only by those", () => {
    const budget = new RestartBudget(2, 1000);
    assert.deepEqual(
      [0, 10, 20].map((time) => budget.allows(time)),
      [true, true, false],
    );
    // The first two have left the window of the fourth.
    assert.ok(budget.allows(1015));
  });

  it("begins again when the user starts it", () => {
    const budget = new RestartBudget(1, 1000);
    assert.deepEqual(
      [0, 1].map((time) => budget.allows(time)),
      [true, false],
    );
    budget.reset();
    assert.ok(budget.allows(2));
  });
});
