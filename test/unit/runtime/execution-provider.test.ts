import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SanaError } from "../../../sidecar/errors";
import { computeFor } from "../../../sidecar/runtime/compute";
import { chooseCompute, type ProbeResult } from "../../../sidecar/runtime/execution-provider";

const WORKS: ProbeResult = { usable: true, float16: true, software: false };
const WITHOUT_FLOAT16: ProbeResult = { ...WORKS, float16: false };
const SOFTWARE: ProbeResult = { ...WORKS, software: true };
const MISSING: ProbeResult = { usable: false, reason: "it is not there" };

/** A machine on which the providers were found to be these. What is not expected to be probed throws. */
function machine(results: { cuda?: ProbeResult; webgpu?: ProbeResult }) {
  return (provider: "cuda" | "webgpu"): Promise<ProbeResult> => {
    const result = results[provider];
    if (result === undefined) throw new Error(`${provider} was probed`);
    return Promise.resolve(result);
  };
}

function refusal(message: RegExp) {
  return (error: unknown) => error instanceof SanaError && error.code === "unsupported" && message.test(error.message);
}

describe("chooseCompute", () => {
  it("auto takes CUDA, then WebGPU, then the CPU, and says why", async () => {
    const auto = { provider: "auto", precision: "auto" } as const;
    assert.deepEqual(await chooseCompute(auto, machine({ cuda: WORKS })), {
      provider: "cuda",
      precision: "fp16",
      notice: "computing with cuda in fp16",
    });
    assert.deepEqual(await chooseCompute(auto, machine({ cuda: MISSING, webgpu: WITHOUT_FLOAT16 })), {
      provider: "webgpu",
      precision: "fp32",
      notice: "computing with webgpu in fp32 (cuda: it is not there)",
    });
    assert.deepEqual(await chooseCompute(auto, machine({ cuda: MISSING, webgpu: SOFTWARE })), {
      provider: "cpu",
      precision: "auto",
      notice: "computing on the CPU (cuda: it is not there; webgpu: only a software adapter)",
    });
  });

  it("auto keeps a precision that was named", async () => {
    const both = machine({ cuda: WITHOUT_FLOAT16, webgpu: WORKS });
    assert.equal((await chooseCompute({ provider: "auto", precision: "fp32" }, both)).provider, "cuda");
    assert.deepEqual(await chooseCompute({ provider: "auto", precision: "fp16" }, both), {
      provider: "webgpu",
      precision: "fp16",
      notice: "computing with webgpu in fp16 (cuda: no float16)",
    });
    const none = machine({ cuda: MISSING, webgpu: MISSING });
    await assert.rejects(
      chooseCompute({ provider: "auto", precision: "fp16" }, none),
      refusal(/--precision fp16.*fp32/),
    );
  });

  it("cpu needs no probe and leaves auto to the checkpoint", async () => {
    const unprobed = machine({});
    const fp32 = { provider: "cpu", precision: "fp32" };
    const auto = { provider: "cpu", precision: "auto" } as const;
    assert.deepEqual(await chooseCompute(auto, unprobed), auto);
    assert.deepEqual(computeFor(auto, {}), fp32);
    assert.deepEqual(computeFor(auto, { cpuPrecision: "int8" }), { provider: "cpu", precision: "int8" });
    assert.deepEqual(await chooseCompute({ provider: "cpu", precision: "fp32" }, unprobed), fp32);
    await assert.rejects(chooseCompute({ provider: "cpu", precision: "fp16" }, unprobed), refusal(/--precision fp16/));
  });

  it("a provider that was named is used or refused, never replaced", async () => {
    for (const provider of ["cuda", "webgpu"] as const) {
      const choose = (result: ProbeResult, precision: "auto" | "fp32" | "fp16" = "auto") =>
        chooseCompute({ provider, precision }, machine({ [provider]: result }));
      assert.deepEqual(await choose(WORKS), { provider, precision: "fp16" });
      assert.deepEqual(await choose(WORKS, "fp32"), { provider, precision: "fp32" });
      await assert.rejects(
        choose(MISSING),
        refusal(new RegExp(`--provider ${provider}.*it is not there.*it needs.*docs`)),
      );
      await assert.rejects(choose(WITHOUT_FLOAT16, "fp16"), refusal(/--precision fp16.*fp32/));
      assert.match((await choose(SOFTWARE)).notice ?? "", /software/);
    }
  });
});
