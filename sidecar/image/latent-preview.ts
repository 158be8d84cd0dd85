import type { FloatTensor } from "../tensor/float-tensor";
import { resizeLanczos } from "./lanczos";
import { tensorToRgb, type RgbImage } from "./pixels";

/**
 * A linear map from one latent cell to a block of CELL_SIDE × CELL_SIDE RGB values in [−1, 1]. A latent cell stands for
 * 32 × 32 pixels and knows about structure within them: a block instead of a single colour raised the centred cosine to
 * the finished picture from 0.71 to 0.85 for the worst of 18 pictures; 2 and 8 values a side did no better.
 */
export interface PreviewMatrix {
  readonly channels: number;
  /** Row-major [3·CELL_SIDE², channels]; outputs are ordered colour, row, column. */
  readonly weights: Float32Array;
  /** [3·CELL_SIDE²]. */
  readonly bias: Float32Array;
}

export const CELL_SIDE = 4;

/**
 * Draws a small picture of the predicted clean latents [1, C, h, w] (scaled as the transformer knows them), its longer
 * side `longestSide` pixels. Takes a few milliseconds; the decoder is not needed.
 */
export function renderPreview(
  cleanLatents: FloatTensor,
  { matrix, longestSide }: { matrix: PreviewMatrix; longestSide: number },
): RgbImage {
  const blocks = tensorToRgb(mapLatents(cleanLatents, matrix));
  const scale = longestSide / Math.max(blocks.width, blocks.height);
  return resizeLanczos(
    blocks,
    Math.max(Math.round(blocks.width * scale), 1),
    Math.max(Math.round(blocks.height * scale), 1),
  );
}

/** [1, C, h, w] to [1, 3, h·CELL_SIDE, w·CELL_SIDE]. */
function mapLatents(latents: FloatTensor, { channels, weights, bias }: PreviewMatrix): FloatTensor {
  const [, , height, width] = latents.dims as [number, number, number, number];
  const cells = height * width;
  const data = new Float32Array(bias.length * cells);
  for (let output = 0; output < bias.length; output += 1) {
    const [color, row, column] = outputPlace(output);
    for (let cell = 0; cell < cells; cell += 1) {
      let value = bias[output]!;
      for (let channel = 0; channel < channels; channel += 1) {
        value += weights[output * channels + channel]! * latents.data[channel * cells + cell]!;
      }
      const y = Math.floor(cell / width) * CELL_SIDE + row;
      const x = (cell % width) * CELL_SIDE + column;
      data[(color * height * CELL_SIDE + y) * width * CELL_SIDE + x] = value;
    }
  }
  return { data, dims: [1, 3, height * CELL_SIDE, width * CELL_SIDE] };
}

/** Which colour, row and column of the block an output of the map is. */
export function outputPlace(output: number): [color: number, row: number, column: number] {
  const place = output % CELL_SIDE ** 2;
  return [Math.floor(output / CELL_SIDE ** 2), Math.floor(place / CELL_SIDE), place % CELL_SIDE];
}
