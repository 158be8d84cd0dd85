import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, describe, it } from "node:test";
import { openAutoencoder, openCheckpoint } from "../../../sidecar/checkpoint/diffusers-layout";
import { SanaError } from "../../../sidecar/errors";
import { decodeLatents } from "../../../sidecar/pipeline/decode";
import { prepareDecoder } from "../../../sidecar/runtime/autoencoder";
import { orInFloat32, type Compute } from "../../../sidecar/runtime/compute";
import type { FloatTensor } from "../../../sidecar/tensor/float-tensor";
import { editTensors, float32Tensor } from "../../cli/fixtures";

const folder = mkdtempSync(join(tmpdir(), "sana-fallback-"));
after(() => {
  rmSync(folder, { recursive: true });
});

const FLOAT16: Compute = { provider: "cpu", precision: "fp16" };

describe("what float16 cannot hold", () => {
  it("is computed once more in float32, and said", async () => {
    cpSync(resolve("test/golden/checkpoints/sana-1.0"), folder, { recursive: true });
    // Far inside float32, past the largest number of float16.
    editTensors(join(folder, "vae/diffusion_pytorch_model.safetensors"), (tensors) => {
      tensors["decoder.conv_in.bias"] = float32Tensor(tensors["decoder.conv_in.bias"]!.shape, () => 1e6);
    });
    const { config, weights } = await openAutoencoder(await openCheckpoint(folder));
    const latents: FloatTensor = {
      data: new Float32Array(config.latentChannels * 4),
      dims: [1, config.latentChannels, 2, 2],
    };
    const decode = (compute: Compute): Promise<FloatTensor> =>
      decodeLatents(latents, { config, models: { decoder: prepareDecoder(config, weights, compute) }, tiling: "off" });
    const said: string[] = [];
    const image = await orInFloat32(FLOAT16, decode, (message) => said.push(message));
    assert.deepEqual(image, await decode({ provider: "cpu", precision: "fp32" }));
    assert.equal(said.length, 1);
    assert.match(said[0]!, /float16.*float32/);
  });

  it("is an error where float32 cannot hold it either", async () => {
    const tried: Compute[] = [];
    const attempt = (compute: Compute): Promise<never> => {
      tried.push(compute);
      return Promise.reject(new SanaError("non-finite", "step 3 gave numbers that are not finite"));
    };
    const isStep3 = (error: unknown): boolean => error instanceof SanaError && error.message.startsWith("step 3");
    await assert.rejects(
      orInFloat32(FLOAT16, attempt, () => undefined),
      isStep3,
    );
    assert.deepEqual(tried, [FLOAT16, { provider: "cpu", precision: "fp32" }]);
  });

  it("is the only failure that is tried again", async () => {
    let attempts = 0;
    const attempt = (): Promise<never> => {
      attempts += 1;
      return Promise.reject(new SanaError("cancelled", "stopped"));
    };
    await assert.rejects(orInFloat32(FLOAT16, attempt, () => undefined));
    assert.equal(attempts, 1);
  });
});
