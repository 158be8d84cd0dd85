import type { TransformerConfig } from "../checkpoint/configs";
import type { WeightDirectory } from "../checkpoint/weights";
import {
  buildDenoiser,
  buildPromptConditioning,
  conditioningNames,
  positionEmbedding,
  timestepSinusoid,
} from "../models/sana-transformer";
import type { OnnxModel } from "../onnx/graph-builder";
import type { FloatTensor } from "../tensor/float-tensor";
import { graphPrecision, type Compute } from "./compute";
import { createSession, type OnnxSession } from "./onnx-session";

// Large enough that exp underflows to exactly 0, small enough for float16.
const PADDING_BIAS = -10000;

/** Checks that the weights are those of the configuration (throws `invalid-weights`) and returns what loads them. */
export function prepareTransformer(
  config: TransformerConfig,
  weights: WeightDirectory,
  compute: Compute,
): () => Promise<Transformer> {
  const { provider } = compute;
  const onCpu = provider === "cpu";
  const conditioning = onCpu ? buildPromptConditioning(config, weights) : null;
  const denoiser = buildDenoiser(config, weights, {
    prompt: onCpu ? "keys-and-values" : "encoder-hidden-states",
    precision: graphPrecision(compute),
  });
  return async () =>
    new Transformer(
      config,
      conditioning,
      await createSession(denoiser, { runsOften: true, provider, exact: compute.precision === "fp32" }),
    );
}

/** What the prompt contributes to every denoiser call of one picture. */
interface PromptConditioning {
  readonly feeds: Readonly<Record<string, FloatTensor>>;
}

/** A loaded SanaTransformer2DModel. */
export class Transformer {
  constructor(
    private readonly config: TransformerConfig,
    /** What depends on the prompt alone; null where the denoiser holds that too. */
    private readonly conditioningModel: OnnxModel | null,
    private readonly denoiser: OnnxSession,
  ) {}

  /**
   * What one or several texts (float32 [tokens, captionChannels] each) give to the denoiser, the batch of the denoiser
   * calls that follow: cross-attention keys and values, or the texts themselves where it forms those. Shorter texts are padded and their padding is masked.
   */
  async condition(texts: readonly FloatTensor[]): Promise<PromptConditioning> {
    const channels = this.config.captionChannels;
    const length = Math.max(...texts.map((text) => text.dims[0]!));
    const states = new Float32Array(texts.length * length * channels);
    const bias = new Float32Array(texts.length * length).fill(PADDING_BIAS);
    texts.forEach((text, i) => {
      states.set(text.data, i * length * channels);
      bias.fill(0, i * length, i * length + text.dims[0]!);
    });
    const hiddenStates = { encoder_hidden_states: { data: states, dims: [texts.length, length, channels] } };
    const model = this.conditioningModel;
    const feeds = model === null ? hiddenStates : await this.keysAndValues(model, hiddenStates);
    return { feeds: { ...feeds, attention_bias: { data: bias, dims: [texts.length, 1, 1, length] } } };
  }

  private async keysAndValues(
    model: OnnxModel,
    feeds: Record<string, FloatTensor>,
  ): Promise<Record<string, FloatTensor>> {
    const session = await createSession(model, { runsOften: false, provider: "cpu" });
    try {
      const { keys, values } = conditioningNames(this.config);
      return await session.run(feeds, [...keys, ...values]);
    } finally {
      await session.release();
    }
  }

  /**
   * One call of the model: `latents` float32 [batch, channels, height, width] with the batch of `conditioning`;
   * `timestep` on the scale the checkpoint was trained with (0…1000, Sprint 0…1); `guidance` where it is embedded,
   * already multiplied by guidance_embeds_scale. Returns the model's output in the same shape.
   */
  async denoise(call: {
    latents: FloatTensor;
    timestep: number;
    guidance: number | null;
    conditioning: PromptConditioning;
  }): Promise<FloatTensor> {
    const { config } = this;
    const [, , height, width] = call.latents.dims as [number, number, number, number];
    const feeds: Record<string, FloatTensor> = {
      ...call.conditioning.feeds,
      latents: call.latents,
      timestep_sinusoid: sinusoidTensor(call.timestep),
    };
    if (call.guidance !== null) feeds["guidance_sinusoid"] = sinusoidTensor(call.guidance);
    if (config.interpolationScale !== null) {
      const [rows, columns] = [height / config.patchSize, width / config.patchSize];
      const data = positionEmbedding(config, rows, columns);
      feeds["position_embedding"] = { data, dims: [rows * columns, data.length / (rows * columns)] };
    }
    const { sample } = await this.denoiser.run(feeds, ["sample"]);
    return sample!;
  }

  async release(): Promise<void> {
    await this.denoiser.release();
  }
}

function sinusoidTensor(value: number): FloatTensor {
  const data = timestepSinusoid(value);
  return { data, dims: [1, data.length] };
}
