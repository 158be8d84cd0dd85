/**
 * The configuration files of a checkpoint in the shape of Sana-0.6B 1024, as the official folders have them.
 * `lambda_min_clipped` stands as text: Python writes an infinity that JSON does not know.
 */

export const MODEL_INDEX = {
  _class_name: "SanaPipeline",
  _diffusers_version: "0.32.0.dev0",
  scheduler: ["diffusers", "DPMSolverMultistepScheduler"],
  text_encoder: ["transformers", "Gemma2Model"],
  tokenizer: ["transformers", "GemmaTokenizerFast"],
  transformer: ["diffusers", "SanaTransformer2DModel"],
  vae: ["diffusers", "AutoencoderDC"],
};

export const TRANSFORMER = {
  _class_name: "SanaTransformer2DModel",
  _diffusers_version: "0.32.0.dev0",
  attention_bias: false,
  attention_head_dim: 32,
  caption_channels: 2304,
  cross_attention_dim: 1152,
  cross_attention_head_dim: 72,
  dropout: 0,
  in_channels: 32,
  mlp_ratio: 2.5,
  norm_elementwise_affine: false,
  norm_eps: 1e-6,
  num_attention_heads: 36,
  num_cross_attention_heads: 16,
  num_layers: 28,
  out_channels: 32,
  patch_size: 1,
  sample_size: 32,
};

const STAGE_TYPES = [
  ...Array.from({ length: 3 }, () => "ResBlock"),
  ...Array.from({ length: 3 }, () => "EfficientViTBlock"),
];
const STAGE_WIDTHS = [128, 256, 512, 512, 1024, 1024];
const STAGE_SCALES = [[], [], [], [5], [5], [5]];

export const AUTOENCODER = {
  _class_name: "AutoencoderDC",
  _diffusers_version: "0.32.0.dev0",
  attention_head_dim: 32,
  decoder_act_fns: "silu",
  decoder_block_out_channels: STAGE_WIDTHS,
  decoder_block_types: STAGE_TYPES,
  decoder_layers_per_block: [3, 3, 3, 3, 3, 3],
  decoder_norm_types: "rms_norm",
  decoder_qkv_multiscales: STAGE_SCALES,
  downsample_block_type: "Conv",
  encoder_block_out_channels: STAGE_WIDTHS,
  encoder_block_types: STAGE_TYPES,
  encoder_layers_per_block: [2, 2, 2, 3, 3, 3],
  encoder_qkv_multiscales: STAGE_SCALES,
  in_channels: 3,
  latent_channels: 32,
  scaling_factor: 0.41407,
  upsample_block_type: "interpolate",
};

export const TEXT_ENCODER = {
  architectures: ["Gemma2Model"],
  attention_bias: false,
  attention_dropout: 0,
  attn_logit_softcapping: 50,
  bos_token_id: 2,
  eos_token_id: 1,
  final_logit_softcapping: 30,
  head_dim: 256,
  hidden_act: "gelu_pytorch_tanh",
  hidden_activation: "gelu_pytorch_tanh",
  hidden_size: 2304,
  initializer_range: 0.02,
  intermediate_size: 9216,
  max_position_embeddings: 8192,
  model_type: "gemma2",
  num_attention_heads: 8,
  num_hidden_layers: 26,
  num_key_value_heads: 4,
  pad_token_id: 0,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  sliding_window: 4096,
  torch_dtype: "bfloat16",
  use_cache: true,
  vocab_size: 256000,
};

export const TOKENIZER = {
  bos_token: "<bos>",
  eos_token: "<eos>",
  pad_token: "<pad>",
  unk_token: "<unk>",
  padding_side: "right",
  tokenizer_class: "GemmaTokenizer",
};

export const SCHEDULER_JSON = `{
  "_class_name": "DPMSolverMultistepScheduler",
  "_diffusers_version": "0.32.0.dev0",
  "algorithm_type": "dpmsolver++",
  "beta_end": 0.02,
  "beta_schedule": "linear",
  "beta_start": 0.0001,
  "euler_at_final": false,
  "final_sigmas_type": "zero",
  "flow_shift": 3.0,
  "lambda_min_clipped": -Infinity,
  "lower_order_final": true,
  "num_train_timesteps": 1000,
  "prediction_type": "flow_prediction",
  "solver_order": 2,
  "solver_type": "midpoint",
  "steps_offset": 0,
  "thresholding": false,
  "timestep_spacing": "linspace",
  "use_flow_sigmas": true,
  "use_karras_sigmas": false,
  "variance_type": null
}
`;
