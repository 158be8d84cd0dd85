import type { AutoencoderConfig, TextEncoderConfig, TransformerConfig } from "../checkpoint/configs";
import { QUANTIZATION_BLOCK, type WeightDirectory } from "../checkpoint/weights";
import type { Precision } from "./compute";

interface Component<Config> {
  readonly config: Config;
  readonly weights: WeightDirectory;
}

/** What the memory of a picture depends on. */
interface Workload {
  /** Pixels along the sides of what is generated. */
  readonly width: number;
  readonly height: number;
  /** Latents in one denoiser call: 2 with guidance, 1 without. */
  readonly batch: number;
  /** Tokens that the transformer reads of a text, at most. */
  readonly textTokens: number;
  /** Pixels that are decoded at once: the whole picture, or one tile of it. */
  readonly decodedPixels: number;
}

/** Resident bytes at most on the CPU, weights that are mapped from files included. */
export interface MemoryEstimate {
  /** Of the program without any network: Node, ONNX Runtime, tokenizer. */
  readonly base: number;
  /** What each network adds while it is loaded and works. */
  readonly textEncoder: number;
  readonly transformer: number;
  readonly decoder: number;
}

// The constants below were fitted to peaks measured with the bundled checkpoint and with the shape of Sana-0.6B with
// Gemma 2 2B, at 512 and 1024 pixels (test/bench/README.md): they reproduce those within 20 %.
const PROGRAM_BYTES = 50e6;
const TOKENIZER_BYTES_PER_WORD = 1400;
/** Float32 copies of its largest matrix that the text encoder holds while it works through its layers. */
const WIDENED_MATRICES = 3;
/** Integer matrices, rearranged for multiplication, and what is still mapped of them. */
const INTEGER_COPIES = 1.2;
/** Floats of a network whose convolutions rearrange their weights. */
const CONVOLUTION_COPIES = 2.45;
/** Rows as wide as the transformer that are alive at once, a token: most of them the Mix-FFN's. */
const LIVE_ROWS = 18;
/** Maps of logits and of probabilities that the cross-attention holds at once. */
const LIVE_ATTENTION_MAPS = 2;
/** Planes of the outermost stage's channels that are alive at once, a pixel. */
const LIVE_PLANES = 6.5;
const GRAPH_BYTES = 40e6;

const FLOAT_BYTES = 4;
const EMBEDDING = "embed_tokens.weight";

/** Estimates the memory that making a picture takes, from configurations and the headers of the weight files. */
export function estimateMemory(
  checkpoint: {
    readonly textEncoder: Component<TextEncoderConfig>;
    readonly transformer: Component<TransformerConfig>;
    readonly autoencoder: Component<AutoencoderConfig>;
  },
  work: Workload,
  precision: Precision,
): MemoryEstimate {
  const { textEncoder, transformer, autoencoder } = checkpoint;
  return {
    base: PROGRAM_BYTES + TOKENIZER_BYTES_PER_WORD * textEncoder.config.vocabSize,
    textEncoder: textEncoderBytes(textEncoder, precision),
    transformer: transformerWeightBytes(transformer.weights, precision) + denoisingBytes(transformer.config, work),
    decoder:
      sum(autoencoder.weights, (name) => (name.startsWith("decoder.") ? FLOAT_BYTES : 0)) * CONVOLUTION_COPIES +
      work.decodedPixels * autoencoder.config.decoderBlockOutChannels[0]! * FLOAT_BYTES * LIVE_PLANES,
  };
}

/** The peak where each network is released before the next one is loaded. */
export function peakOneAtATime({ base, textEncoder, transformer, decoder }: MemoryEstimate): number {
  return base + Math.max(textEncoder, transformer, decoder);
}

/** The peak where all of them stay loaded. */
export function peakTogether({ base, textEncoder, transformer, decoder }: MemoryEstimate): number {
  return base + textEncoder + transformer + decoder;
}

/** Its weights are widened one after the other, and only the rows of the embedding that a text names are read. */
function textEncoderBytes({ config, weights }: Component<TextEncoderConfig>, precision: Precision): number {
  const stored = sum(weights, (name, bytes) => {
    if (name === EMBEDDING) return 0;
    if (precision === "int8") return Math.min(bytes, 1);
    return precision === "int4" ? Math.min(bytes, 1 / 2 + FLOAT_BYTES / QUANTIZATION_BLOCK) : bytes;
  });
  return stored + WIDENED_MATRICES * config.hiddenSize * config.intermediateSize * FLOAT_BYTES;
}

function transformerWeightBytes(weights: WeightDirectory, precision: Precision): number {
  const holdsIntegers = [...weights.tensors.values()].some(({ dtype }) => dtype === "I8");
  if (precision === "int8" || precision === "int4") {
    return GRAPH_BYTES + INTEGER_COPIES * sum(weights, (_, bytes) => Math.min(bytes, 1));
  }
  // Integers become floats first and are scaled then.
  return sum(weights, () => FLOAT_BYTES) * (holdsIntegers ? 2 : 1);
}

function denoisingBytes(config: TransformerConfig, work: Workload): number {
  const cell = 32 * config.patchSize;
  const tokens = (work.batch * work.width * work.height) / cell ** 2;
  const rows = config.numAttentionHeads * config.attentionHeadDim * LIVE_ROWS;
  const maps = config.numCrossAttentionHeads * work.textTokens * LIVE_ATTENTION_MAPS;
  return tokens * (rows + maps) * FLOAT_BYTES;
}

const STORED_BYTES: Partial<Record<string, number>> = { I8: 1, U8: 1 / 2, F16: 2, BF16: 2, F64: 8 };

/** The sum over all numbers of what `bytesOf` says one takes; it is told the tensor's name and a number's stored bytes. */
function sum(weights: WeightDirectory, bytesOf: (name: string, storedBytes: number) => number): number {
  let total = 0;
  for (const [name, { dtype, shape }] of weights.tensors) {
    const stored = shape.reduce((product, length) => product * length, 1);
    // Two 4-bit numbers share a byte.
    const numbers = dtype === "U8" ? 2 * stored : stored;
    total += numbers * bytesOf(name, STORED_BYTES[dtype] ?? FLOAT_BYTES);
  }
  return total;
}
