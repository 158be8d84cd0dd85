import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as v from "valibot";
import { ERROR_CODES, EstimateRequest, GenerateRequest, JSON_RPC_ERRORS, StatusRequest } from "../../sidecar/protocol";

const SMALLEST = { token: 1, prompt: "", output: { path: "/tmp/fox.png" } };

/** The path of the first value that is refused, undefined where none is. */
function refused(params: unknown): string | undefined {
  const result = v.safeParse(GenerateRequest.params, params, { abortEarly: true });
  return result.success ? undefined : (v.getDotPath(result.issues[0]) ?? "");
}

describe("sana/generate", () => {
  it("needs a token, a prompt and a path, and fills everything else in", () => {
    const { output, ...rest } = v.parse(GenerateRequest.params, SMALLEST);
    assert.deepEqual(output, { path: "/tmp/fox.png", ifExists: "error" });
    assert.equal(rest.model, null);
    assert.equal(rest.provider, "auto");
    assert.equal(rest.metadata, true);
    for (const key of ["token", "prompt", "output"]) assert.equal(refused({ ...SMALLEST, [key]: undefined }), key);
  });

  it("names what is wrong", () => {
    assert.equal(refused({ ...SMALLEST, width: "512" }), "width");
    assert.equal(refused({ ...SMALLEST, width: NaN }), "width");
    assert.equal(refused({ ...SMALLEST, seed: 7 }), "seed");
    assert.equal(refused({ ...SMALLEST, output: { path: "fox.png" } }), "output.path");
    assert.equal(refused({ ...SMALLEST, output: { path: "/tmp/a\0b" } }), "output.path");
    assert.equal(refused({ ...SMALLEST, image: { path: "/a.png", strengh: 1 } }), "image.strengh");
    assert.equal(refused({ ...SMALLEST, previews: { maxSide: 4096 } }), "previews.maxSide");
    assert.equal(refused([]), "token");
  });

  it("takes Windows paths", () => {
    for (const path of ["C:\\pictures\\fox.png", "d:/fox.png", "\\\\server\\share\\fox.png"]) {
      assert.equal(refused({ ...SMALLEST, output: { path } }), undefined);
    }
  });
});

it("requests without parameters take none, null and an empty object", () => {
  for (const params of [undefined, null, {}]) assert.ok(v.is(StatusRequest.params, params));
  assert.ok(!v.is(StatusRequest.params, { extra: 1 }));
  assert.ok(v.is(EstimateRequest.params, {}));
});

it("every error has a code of its own", () => {
  const codes = [...Object.values(ERROR_CODES), ...Object.values(JSON_RPC_ERRORS)];
  assert.equal(new Set(codes).size, codes.length);
});
