import assert from "node:assert/strict";
import { resolve } from "node:path";
import { describe, it } from "node:test";
import { openAutoencoder, openCheckpoint, openTransformer } from "../../../sidecar/checkpoint/diffusers-layout";
import type { GraphPrecision } from "../../../sidecar/onnx/graph-builder";
import { buildDenoiser } from "../../../sidecar/models/sana-transformer";
import { prepareDecoder, prepareEncoder } from "../../../sidecar/runtime/autoencoder";
import type { Precision } from "../../../sidecar/runtime/compute";
import { createSession } from "../../../sidecar/runtime/onnx-session";
import { prepareTransformer, Transformer } from "../../../sidecar/runtime/transformer";
import type { FloatTensor } from "../../../sidecar/tensor/float-tensor";
import { TorchCpuGenerator } from "../../../sidecar/tensor/torch-random";

/** The goldens' tiny checkpoints: every variant of the networks. */
const CHECKPOINTS = ["sana-1.0", "sana-1.5", "sprint", "sana-2k", "sana-4k", "corners"];

// Relative L2. One rounding to float16 is wrong by up to 2^−11 = 4.9e-4; through the layers of these checkpoints that
// grows to 1.6e-4 … 4.1e-3. A wrong term is wrong by more than 1e-2 (see test/golden), an overflow is not finite.
const FLOAT16_TOLERANCE = 1e-2;

// The same arithmetic in another order of operators.
const FLOAT32_TOLERANCE = 1e-5;

function noise(dims: readonly number[], seed = 1n): FloatTensor {
  const length = dims.reduce((product, size) => product * size, 1);
  return { data: new TorchCpuGenerator(seed).randn(length), dims };
}

function distance(a: FloatTensor, b: FloatTensor): number {
  assert.deepEqual(a.dims, b.dims);
  let [difference, norm] = [0, 0];
  b.data.forEach((value, i) => {
    difference += (a.data[i]! - value) ** 2;
    norm += value ** 2;
  });
  return Math.sqrt(difference / norm);
}

function assertClose(actual: FloatTensor, expected: FloatTensor, tolerance: number): void {
  const found = distance(actual, expected);
  // Written so that NaN fails.
  assert.ok(found <= tolerance, `relative L2 ${found.toExponential(2)} is above ${tolerance}`);
}

for (const name of CHECKPOINTS) {
  describe(`${name} on the CPU provider`, () => {
    it("denoises in the one graph that GPUs run as in the two of the CPU, and in float16", async () => {
      const { config, weights } = await openTransformer(await openCheckpoint(resolve("test/golden/checkpoints", name)));
      const denoise = async (transformer: Transformer): Promise<FloatTensor> => {
        const texts = [noise([3, config.captionChannels], 2n), noise([7, config.captionChannels], 3n)];
        const sample = await transformer.denoise({
          latents: noise([2, config.inChannels, 4, 6]),
          timestep: config.guidanceEmbeds ? 0.7 : 682,
          guidance: config.guidanceEmbeds ? 0.45 : null,
          conditioning: await transformer.condition(texts),
        });
        await transformer.release();
        return sample;
      };
      const oneGraph = async (precision: GraphPrecision): Promise<FloatTensor> => {
        const model = buildDenoiser(config, weights, { prompt: "encoder-hidden-states", precision });
        return denoise(new Transformer(config, null, await createSession(model, { runsOften: true, provider: "cpu" })));
      };
      const load = prepareTransformer(config, weights, { provider: "cpu", precision: "fp32" });
      const expected = await denoise(await load());
      assertClose(await oneGraph("float32"), expected, FLOAT32_TOLERANCE);
      assertClose(await oneGraph("float16"), expected, FLOAT16_TOLERANCE);
    });

    it("encodes and decodes in float16", async () => {
      const { config, weights } = await openAutoencoder(await openCheckpoint(resolve("test/golden/checkpoints", name)));
      const scale = 2 ** (config.encoderBlockOutChannels.length - 1);
      const image = noise([1, config.inChannels, 2 * scale, 3 * scale]);
      const latents = noise([1, config.latentChannels, 2, 3]);
      const run = async (precision: Precision): Promise<[FloatTensor, FloatTensor]> => {
        const encoder = await prepareEncoder(config, weights, { provider: "cpu", precision })();
        const decoder = await prepareDecoder(config, weights, { provider: "cpu", precision })();
        const results: [FloatTensor, FloatTensor] = [await encoder.run(image), await decoder.run(latents)];
        await encoder.release();
        await decoder.release();
        return results;
      };
      const [encoded, decoded] = await run("fp16");
      const [expectedLatents, expectedImage] = await run("fp32");
      assertClose(encoded, expectedLatents, FLOAT16_TOLERANCE);
      assertClose(decoded, expectedImage, FLOAT16_TOLERANCE);
    });
  });
}
