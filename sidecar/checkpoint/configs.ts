/**
 * What models, schedulers and pipelines need to know of a checkpoint: its configuration files with every default
 * filled in and every older spelling resolved. Plain data. Names are the keys of the files in camelCase; what a key
 * means is said where its name does not.
 */

/** SanaTransformer2DModel. The width of its residual stream is numAttentionHeads · attentionHeadDim. */
export interface TransformerConfig {
  readonly inChannels: number;
  /** As many as inChannels, or twice as many where the second half predicts a variance that inference ignores. */
  readonly outChannels: number;
  readonly numLayers: number;
  /** Heads of the linear self-attention. */
  readonly numAttentionHeads: number;
  readonly attentionHeadDim: number;
  readonly numCrossAttentionHeads: number;
  readonly crossAttentionHeadDim: number;
  /** Width of the text encoder's states. */
  readonly captionChannels: number;
  /** The Mix-FFN's hidden width is trunc(mlpRatio · width). */
  readonly mlpRatio: number;
  /** Whether the self-attention's query, key and value projections have a bias. */
  readonly attentionBias: boolean;
  /** Side of the native resolution in latent pixels. */
  readonly sampleSize: number;
  readonly patchSize: number;
  /** Whether the norm before the feed-forward has a weight and a bias. */
  readonly normElementwiseAffine: boolean;
  readonly normEps: number;
  /** Null: no position embedding. */
  readonly interpolationScale: number | null;
  /** Sprint: the guidance scale is an input of the model. */
  readonly guidanceEmbeds: boolean;
  /** What Sprint's pipeline multiplies the guidance scale by. */
  readonly guidanceEmbedsScale: number;
  readonly qkNorm: "rms_norm_across_heads" | null;
  /** What SanaPipeline multiplies timesteps by. */
  readonly timestepScale: number;
}

/** AutoencoderDC. Lists have one entry a stage, from the picture inwards; encoder and decoder have the same number. */
export interface AutoencoderConfig {
  readonly inChannels: number;
  readonly latentChannels: number;
  readonly attentionHeadDim: number;
  readonly encoderBlockTypes: readonly AutoencoderBlockType[];
  readonly decoderBlockTypes: readonly AutoencoderBlockType[];
  readonly encoderBlockOutChannels: readonly number[];
  readonly decoderBlockOutChannels: readonly number[];
  readonly encoderLayersPerBlock: readonly number[];
  readonly decoderLayersPerBlock: readonly number[];
  /** Kernel sizes of the extra attention scales, odd. */
  readonly encoderQkvMultiscales: readonly (readonly number[])[];
  readonly decoderQkvMultiscales: readonly (readonly number[])[];
  readonly downsampleBlockType: "conv" | "pixel_unshuffle";
  readonly upsampleBlockType: "interpolate" | "pixel_shuffle";
  readonly decoderActFns: readonly AutoencoderActivation[];
  readonly decoderConvActFn: AutoencoderActivation;
  readonly encoderOutShortcut: boolean;
  readonly decoderInShortcut: boolean;
  /** What latents are multiplied by to give them unit variance. */
  readonly scalingFactor: number;
}

export type AutoencoderBlockType = "ResBlock" | "EfficientViTBlock";
export type AutoencoderActivation = "relu" | "silu";

/** The decoder stack of Gemma 2 or Gemma 3. */
export interface TextEncoderConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly rmsNormEps: number;
  /** Attention logits are multiplied by queryPreAttnScalar^−½. */
  readonly queryPreAttnScalar: number;
  /** Null: attention logits are not capped. */
  readonly attnLogitSoftcapping: number | null;
  /** One entry a layer. */
  readonly layerTypes: readonly AttentionType[];
  /** A sliding layer's query sees this many keys, its own included. */
  readonly slidingWindow: number;
  readonly rope: Readonly<Record<AttentionType, RopeConfig>>;
  /** Gemma 3: queries and keys are normalised in each head. */
  readonly qkNorm: boolean;
}

export type AttentionType = "sliding" | "full";

/** Rotary frequencies are theta^(−2i / headDim) / factor. */
export interface RopeConfig {
  readonly theta: number;
  readonly factor: number;
}

export type SchedulerConfig = FlowSchedulerConfig | ScmSchedulerConfig;

/** Both flow schedulers describe the same noise schedule, so that one can take the other's place. */
export interface FlowSchedulerConfig {
  readonly className: "DPMSolverMultistepScheduler" | "FlowMatchEulerDiscreteScheduler";
  readonly numTrainTimesteps: number;
  readonly shift: number;
  /** Of the DPM solver. Its last step is always of first order, because the last sigma is 0. */
  readonly solverOrder: 1 | 2;
}

export interface ScmSchedulerConfig {
  readonly className: "SCMScheduler";
  readonly numTrainTimesteps: number;
  readonly sigmaData: number;
}
