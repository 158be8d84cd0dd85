import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { throttle } from "../../../extension/panel/throttle";

describe("throttle", () => {
  it("acts at once, then once an interval, and never loses the last call", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    let calls = 0;
    const act = throttle(() => calls++, 100);
    for (let call = 0; call < 50; call++) act();
    assert.equal(calls, 1);
    mock.timers.tick(100);
    assert.equal(calls, 2, "what was asked for in between");
    mock.timers.tick(1000);
    assert.equal(calls, 2, "nothing was asked for");
    act();
    assert.equal(calls, 3);
    mock.timers.reset();
  });
});
