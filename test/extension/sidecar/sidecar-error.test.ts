import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { errorOfAnswer, isCancelled, SidecarError } from "../../../extension/sidecar/sidecar-error";
import { ERROR_CODES, JSON_RPC_ERRORS } from "../../../sidecar/protocol";

function answered(code: number, message: string, data?: unknown): Error {
  return Object.assign(new Error(message), { code, data });
}

describe("errors of the sidecar", () => {
  it("keep the code and the line of every error of the protocol", () => {
    for (const [code, number] of Object.entries(ERROR_CODES)) {
      const error = errorOfAnswer(answered(number, "one line", { code }));
      assert.equal(error?.code, code);
      assert.equal(error.message, "one line");
    }
  });

  it("say how much memory is needed and free", () => {
    const data = { code: "insufficient-memory", neededBytes: 5_100_000_000, freeBytes: 3_800_000_000 };
    assert.deepEqual(errorOfAnswer(answered(1007, "too much", data))?.memory, {
      neededBytes: 5_100_000_000,
      freeBytes: 3_800_000_000,
    });
    assert.equal(errorOfAnswer(answered(1007, "too much", { code: data.code }))?.memory, undefined);
  });

  it("call a bug of the sidecar one, and an unknown code too", () => {
    assert.equal(errorOfAnswer(answered(JSON_RPC_ERRORS.internalError, "oops"))?.code, "internal-error");
    assert.equal(errorOfAnswer(answered(4711, "odd", { code: "no-such-code" }))?.code, "internal-error");
  });

  it("are no answer where the connection is gone", () => {
    for (const code of [-32097, -32096, -32099, 1, 2]) assert.equal(errorOfAnswer(answered(code, "gone")), null);
    assert.equal(errorOfAnswer(new Error("Starting server failed")), null);
    assert.equal(errorOfAnswer("text"), null);
  });

  it("know who stopped it", () => {
    assert.ok(isCancelled(errorOfAnswer(answered(-32800, "cancelled", { code: "cancelled" }))));
    assert.ok(isCancelled(errorOfAnswer(answered(-32800, "Request got cancelled"))));
    assert.ok(isCancelled(Object.assign(new Error("Canceled"), { name: "Canceled" })));
    assert.ok(!isCancelled(new SidecarError("worker-ended", "killed")));
    assert.ok(!isCancelled(undefined));
  });
});
