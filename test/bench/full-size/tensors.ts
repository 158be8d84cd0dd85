/** A tensor of a checkpoint: its name in the file and its shape. */
export interface TensorShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** SanaTransformer2DModel in the shape of Sana-0.6B: 591,747,872 parameters. */
export function transformerTensors(): TensorShape[] {
  const [width, channels, captionChannels, layers] = [1152, 32, 2304, 28];
  const hidden = 2.5 * width;
  const timeEmbedding = "time_embed.emb.timestep_embedder";
  return [
    ...affine("patch_embed.proj", [width, channels, 1, 1]),
    ...affine(`${timeEmbedding}.linear_1`, [width, 256]),
    ...affine(`${timeEmbedding}.linear_2`, [width, width]),
    ...affine("time_embed.linear", [6 * width, width]),
    ...affine("caption_projection.linear_1", [width, captionChannels]),
    ...affine("caption_projection.linear_2", [width, width]),
    { name: "caption_norm.weight", shape: [width] },
    ...range(layers).flatMap((layer) => {
      const block = `transformer_blocks.${layer}`;
      return [
        { name: `${block}.scale_shift_table`, shape: [6, width] },
        ...["to_q", "to_k", "to_v"].map((part) => ({ name: `${block}.attn1.${part}.weight`, shape: [width, width] })),
        ...affine(`${block}.attn1.to_out.0`, [width, width]),
        ...["to_q", "to_k", "to_v", "to_out.0"].flatMap((part) => affine(`${block}.attn2.${part}`, [width, width])),
        ...affine(`${block}.ff.conv_inverted`, [2 * hidden, width, 1, 1]),
        ...affine(`${block}.ff.conv_depth`, [2 * hidden, 1, 3, 3]),
        { name: `${block}.ff.conv_point.weight`, shape: [width, hidden, 1, 1] },
      ];
    }),
    { name: "scale_shift_table", shape: [2, width] },
    ...affine("proj_out", [channels, width]),
  ];
}

const AUTOENCODER_WIDTHS = [128, 256, 512, 512, 1024, 1024] as const;

/** AutoencoderDC in the shape of DC-AE f32c32 sana-1.0: 312,250,275 parameters. */
export function autoencoderTensors(): TensorShape[] {
  const widths = AUTOENCODER_WIDTHS;
  const last = widths.length - 1;
  const encoderLayers = [2, 2, 2, 3, 3, 3];
  const encoder = widths.flatMap((width, stage) => {
    const name = `encoder.down_blocks.${stage}`;
    const layers = encoderLayers[stage]!;
    const blocks = range(layers).flatMap((layer) => stageBlock(`${name}.${layer}`, { stage, width }));
    return stage === last
      ? blocks
      : [...blocks, ...affine(`${name}.${layers}.conv`, [widths[stage + 1]!, width, 3, 3])];
  });
  const decoder = widths.flatMap((width, stage) => {
    const name = `decoder.up_blocks.${stage}`;
    const upsampler = stage === last ? [] : affine(`${name}.0.conv`, [width, widths[stage + 1]!, 3, 3]);
    const first = stage === last ? 0 : 1;
    return [...upsampler, ...range(3).flatMap((layer) => stageBlock(`${name}.${first + layer}`, { stage, width }))];
  });
  return [
    ...affine("encoder.conv_in", [widths[0], 3, 3, 3]),
    ...encoder,
    ...affine("encoder.conv_out", [32, widths[last]!, 3, 3]),
    ...affine("decoder.conv_in", [widths[last]!, 32, 3, 3]),
    ...decoder,
    ...affine("decoder.norm_out", [widths[0]]),
    ...affine("decoder.conv_out", [3, widths[0], 3, 3]),
  ];
}

/** Residual blocks in the three outer stages, attention blocks in the three inner ones. */
function stageBlock(name: string, { stage, width }: { stage: number; width: number }): TensorShape[] {
  if (stage < 3) {
    return [
      ...affine(`${name}.conv1`, [width, width, 3, 3]),
      { name: `${name}.conv2.weight`, shape: [width, width, 3, 3] },
      ...affine(`${name}.norm`, [width]),
    ];
  }
  const hidden = 4 * width;
  const headDim = 32;
  const scale = `${name}.attn.to_qkv_multiscale.0`;
  return [
    ...["to_q", "to_k", "to_v"].map((part) => ({ name: `${name}.attn.${part}.weight`, shape: [width, width] })),
    { name: `${scale}.proj_in.weight`, shape: [3 * width, 1, 5, 5] },
    { name: `${scale}.proj_out.weight`, shape: [3 * width, headDim, 1, 1] },
    { name: `${name}.attn.to_out.weight`, shape: [width, 2 * width] },
    ...affine(`${name}.attn.norm_out`, [width]),
    ...affine(`${name}.conv_out.conv_inverted`, [2 * hidden, width, 1, 1]),
    ...affine(`${name}.conv_out.conv_depth`, [2 * hidden, 1, 3, 3]),
    { name: `${name}.conv_out.conv_point.weight`, shape: [width, hidden, 1, 1] },
    ...affine(`${name}.conv_out.norm`, [width]),
  ];
}

/** Gemma2Model in the shape of Gemma 2 2B: 2,614,341,888 parameters. */
export function textEncoderTensors(): TensorShape[] {
  const [width, hidden, headDim] = [2304, 9216, 256];
  const [queryWidth, keyWidth] = [8 * headDim, 4 * headDim];
  return [
    { name: "embed_tokens.weight", shape: [256000, width] },
    ...range(26).flatMap((layer) => {
      const name = `layers.${layer}`;
      return [
        { name: `${name}.input_layernorm.weight`, shape: [width] },
        { name: `${name}.self_attn.q_proj.weight`, shape: [queryWidth, width] },
        { name: `${name}.self_attn.k_proj.weight`, shape: [keyWidth, width] },
        { name: `${name}.self_attn.v_proj.weight`, shape: [keyWidth, width] },
        { name: `${name}.self_attn.o_proj.weight`, shape: [width, queryWidth] },
        { name: `${name}.post_attention_layernorm.weight`, shape: [width] },
        { name: `${name}.pre_feedforward_layernorm.weight`, shape: [width] },
        { name: `${name}.mlp.gate_proj.weight`, shape: [hidden, width] },
        { name: `${name}.mlp.up_proj.weight`, shape: [hidden, width] },
        { name: `${name}.mlp.down_proj.weight`, shape: [width, hidden] },
        { name: `${name}.post_feedforward_layernorm.weight`, shape: [width] },
      ];
    }),
    { name: "norm.weight", shape: [width] },
  ];
}

/** A layer with weight and bias; the bias is as long as the weight's first axis. */
function affine(name: string, weightShape: readonly number[]): TensorShape[] {
  return [
    { name: `${name}.weight`, shape: weightShape },
    { name: `${name}.bias`, shape: [weightShape[0]!] },
  ];
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
