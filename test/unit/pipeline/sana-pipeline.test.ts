import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AutoencoderConfig, TransformerConfig } from "../../../sidecar/checkpoint/configs";
import { SanaError } from "../../../sidecar/errors";
import type { GenerationEvent, GenerationResult } from "../../../sidecar/pipeline/events";
import type { SanaModels, TransformerModel } from "../../../sidecar/pipeline/models";
import type { GenerationRequest } from "../../../sidecar/pipeline/request";
import { runSanaPipeline } from "../../../sidecar/pipeline/sana-pipeline";
import { createFlowDpmSolver } from "../../../sidecar/scheduler/flow-dpm-solver";
import type { FloatTensor } from "../../../sidecar/tensor/float-tensor";

const CHANNELS = 4;
const transformer = {
  inChannels: CHANNELS,
  outChannels: CHANNELS,
  patchSize: 1,
  sampleSize: 16,
  timestepScale: 1,
} as TransformerConfig;
const autoencoder = {
  encoderBlockOutChannels: [8, 8, 8, 8, 8, 8],
  decoderBlockOutChannels: [8, 8, 8, 8, 8, 8],
  scalingFactor: 0.5,
} as unknown as AutoencoderConfig;

/** What the model believes the picture to be: an arbitrary but fixed function of the latent's index. */
const target = (i: number): number => Math.sin(i * 1.7) * 1.5;

interface Fakes {
  readonly models: SanaModels;
  readonly calls: { loaded: string[]; released: string[]; timesteps: number[]; batches: number[]; texts: number[] };
}

/** Networks without weights: one token a character, and a denoiser whose velocity points from the target to the noise. */
function fakeModels(noise: Float32Array, onStep: () => void = () => undefined): Fakes {
  const calls: Fakes["calls"] = { loaded: [], released: [], timesteps: [], batches: [], texts: [] };
  const loading = <Model extends object>(name: string, model: Model): Promise<Model & { release(): Promise<void> }> => {
    calls.loaded.push(name);
    const release = (): Promise<void> => {
      calls.released.push(name);
      return Promise.resolve();
    };
    return Promise.resolve({ ...model, release });
  };
  const denoiser: Omit<TransformerModel<readonly FloatTensor[]>, "release"> = {
    condition: (texts) => {
      calls.texts = texts.map((text) => text.dims[0]!);
      return Promise.resolve(texts);
    },
    denoise: ({ latents, timestep }) => {
      calls.timesteps.push(timestep);
      calls.batches.push(latents.dims[0]!);
      onStep();
      const length = latents.data.length / latents.dims[0]!;
      const data = latents.data.map((_, i) => noise[i % length]! - target(i % length));
      return Promise.resolve({ data, dims: latents.dims });
    },
  };
  const models: SanaModels = {
    textEncoder: () =>
      loading("text-encoder", {
        encode: (ids: readonly number[]) =>
          Promise.resolve({ data: new Float32Array(ids.length * 3), dims: [ids.length, 3] }),
      }),
    transformer: () => loading("transformer", denoiser),
    decoder: () =>
      loading("decoder", {
        run: ({ data, dims }: FloatTensor) => {
          const [, , height, width] = dims as [number, number, number, number];
          const image = new Float32Array(3 * height * 32 * width * 32).fill(data[0]!);
          return Promise.resolve({ data: image, dims: [1, 3, height * 32, width * 32] });
        },
      }),
    encoder: () => loading("encoder", { run: (image: FloatTensor) => Promise.resolve(image) }),
  };
  return { models, calls };
}

const tokenizer = { encode: (text: string) => [2, ...Array.from(text, (c) => c.codePointAt(0)!)] };

function requestWith(
  changes: Partial<GenerationRequest & { negativePrompt: string }>,
): Parameters<typeof runSanaPipeline>[0] {
  return {
    prompt: "fox",
    negativePrompt: "",
    width: 64,
    height: 96,
    numInferenceSteps: 8,
    guidanceScale: 4.5,
    seed: 7n,
    humanInstruction: false,
    spelledWords: false,
    maxSequenceLength: 300,
    resolutionBinning: false,
    vaeTiling: "auto",
    latents: null,
    startImage: null,
    ...changes,
  };
}

const noise = Float32Array.from({ length: CHANNELS * 3 * 2 }, (_, i) => Math.cos(i * 2.3));
const latents: FloatTensor = { data: noise, dims: [1, CHANNELS, 3, 2] };

async function runToEnd(
  request: Parameters<typeof runSanaPipeline>[0],
  fakes: Fakes,
  signal: AbortSignal = new AbortController().signal,
): Promise<{ events: GenerationEvent[]; result: GenerationResult }> {
  const scheduler = createFlowDpmSolver({
    numInferenceSteps: request.numInferenceSteps,
    shift: 3,
    numTrainTimesteps: 1000,
    solverOrder: 2,
  });
  const checkpoint = { transformer, autoencoder, tokenizer };
  const generator = runSanaPipeline(request, { checkpoint, models: fakes.models, scheduler, signal });
  const events: GenerationEvent[] = [];
  for (;;) {
    const next = await generator.next();
    if (next.done) return { events, result: next.value };
    events.push(next.value);
  }
}

describe("runSanaPipeline", () => {
  it("arrives exactly where a straight flow points", async () => {
    const { events, result } = await runToEnd(requestWith({ latents }), fakeModels(noise));
    // Sigma starts at 0.99967 while the latents are pure noise, so the line the model sees is off by that much at the
    // start; x − σ·v of the last step then differs from the target by at most (1 − 0.99967)·|noise − target|.
    const limit = 3.4e-4 * 2.5;
    result.latents.data.forEach((value, i) => {
      assert.ok(Math.abs(value - target(i)) <= limit, `latent ${i}`);
    });
    assert.deepEqual(
      events.map((event) => (event.type === "stage" ? event.stage : event.type)),
      ["read-prompt", "load-transformer", "denoise", ...Array<string>(8).fill("step"), "decode"],
    );
    assert.deepEqual(result.image.dims, [1, 3, 96, 64]);
    assert.equal(result.image.data[0], Math.fround(result.latents.data[0]! / 0.5));
  });

  it("puts the unconditional half first and leaves it out where guidance does not use it", async () => {
    const guided = fakeModels(noise);
    await runToEnd(requestWith({ latents, negativePrompt: "bad dog" }), guided);
    assert.deepEqual(guided.calls.texts, [1 + "bad dog".length, 1 + "fox".length]);
    assert.deepEqual(new Set(guided.calls.batches), new Set([2]));
    const plain = fakeModels(noise);
    await runToEnd(requestWith({ latents, guidanceScale: 1 }), plain);
    assert.deepEqual(plain.calls.texts, [1 + "fox".length]);
    assert.deepEqual(new Set(plain.calls.batches), new Set([1]));
  });

  it("calls the model with the scheduler's whole timesteps, highest first", async () => {
    const fakes = fakeModels(noise);
    await runToEnd(requestWith({ latents, numInferenceSteps: 3 }), fakes);
    // shift·s / (1 + (shift − 1)·s) · 1000, truncated, for s = 0.999, 0.666, 0.333
    assert.deepEqual(fakes.calls.timesteps, [999, 856, 599]);
  });

  it("has one network in memory at a time and releases all of them", async () => {
    const fakes = fakeModels(noise);
    await runToEnd(requestWith({ latents }), fakes);
    assert.deepEqual(fakes.calls.loaded, ["text-encoder", "transformer", "decoder"]);
    assert.deepEqual(fakes.calls.released, fakes.calls.loaded);
  });

  it("starts image-to-image at the step that the strength leaves", async () => {
    const pixels = { data: new Float32Array(noise.length).fill(0.25), dims: latents.dims };
    const fakes = fakeModels(noise);
    await runToEnd(requestWith({ latents, numInferenceSteps: 10, startImage: { pixels, strength: 0.35 } }), fakes);
    // trunc(10 − 3.5) = 6: steps 6 … 9
    assert.equal(fakes.calls.timesteps.length, 4);
    assert.equal(fakes.calls.loaded.includes("encoder"), true);
  });

  it("stops after the step in which it is cancelled, decodes nothing and releases the transformer", async () => {
    const cancellation = new AbortController();
    let steps = 0;
    const fakes = fakeModels(noise, () => {
      steps += 1;
      if (steps === 3) cancellation.abort();
    });
    await assert.rejects(
      runToEnd(requestWith({ latents }), fakes, cancellation.signal),
      (error) => error instanceof SanaError && error.code === "cancelled",
    );
    assert.equal(steps, 3);
    assert.deepEqual(fakes.calls.loaded, ["text-encoder", "transformer"]);
    assert.deepEqual(fakes.calls.released, fakes.calls.loaded);
  });

  it("names the step whose latents are not finite", async () => {
    let steps = 0;
    const broken = noise.slice();
    const fakes = fakeModels(broken, () => {
      steps += 1;
      if (steps === 2) broken[3] = NaN;
    });
    await assert.rejects(
      runToEnd(requestWith({ latents }), fakes),
      (error) => error instanceof SanaError && error.code === "non-finite" && error.message.includes("step 2"),
    );
  });

  it("says that the prompt was cut", async () => {
    const { events } = await runToEnd(requestWith({ latents, maxSequenceLength: 3 }), fakeModels(noise));
    assert.deepEqual(
      events.filter((event) => event.type === "prompt-truncated"),
      [{ type: "prompt-truncated", prompt: "prompt" }],
    );
  });

  it("spells out the words in quotes of both prompts where it is asked to", async () => {
    const texts = async (spelledWords: boolean): Promise<number[]> => {
      const fakes = fakeModels(noise);
      await runToEnd(requestWith({ latents, prompt: '"hi"', negativePrompt: "‘text’", spelledWords }), fakes);
      return fakes.calls.texts;
    };
    // <bos> and one token a character, the negative prompt first.
    assert.deepEqual(await texts(false), [7, 5]);
    assert.deepEqual(await texts(true), [11, 7]);
  });

  it("draws the same noise for the same seed", async () => {
    const [first, again, other] = await Promise.all(
      [7n, 7n, 8n].map((seed) => runToEnd(requestWith({ seed, numInferenceSteps: 1 }), fakeModels(noise))),
    );
    const step = (run: typeof first): Float32Array =>
      run!.events.flatMap((event) => (event.type === "step" ? [event.predictedClean.data] : []))[0]!;
    assert.deepEqual(step(first), step(again));
    assert.notDeepEqual(step(first), step(other));
  });
});
