import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { systemErrorCode, systemErrorReason } from "../../../sidecar/files/system-error";

describe("system errors", () => {
  it("are told in words with their code", () => {
    assert.equal(systemErrorReason(systemError("ENOSPC")), "the disk is full (ENOSPC)");
    assert.equal(systemErrorReason(systemError("EACCES")), "permission denied (EACCES)");
    assert.equal(systemErrorReason(systemError("EWHATEVER")), "EWHATEVER");
  });

  it("are told apart from other errors", () => {
    assert.equal(systemErrorCode(systemError("ENOENT")), "ENOENT");
    assert.equal(systemErrorCode(new Error("no code")), undefined);
    assert.equal(systemErrorReason(new Error("no code")), "no code");
    assert.equal(systemErrorReason("text"), "text");
  });
});

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: something`), { code });
}
