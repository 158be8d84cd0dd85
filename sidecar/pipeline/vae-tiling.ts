import type { FloatTensor } from "../tensor/float-tensor";

/**
 * Decoding and encoding in overlapping tiles whose seams are blended, for pictures whose activations would not fit
 * into memory at once. Source: diffusers autoencoder_dc.py, tiled_decode and tiled_encode, with its default sizes.
 */

/** Side of a tile in pixels, and how far one tile lies from the next. */
export const TILE_SIZE = 512;
const TILE_STRIDE = 448;

type Run = (tile: FloatTensor) => Promise<FloatTensor>;

/** Whether tiling would cut a picture of this size (pixels) at all. */
export function needsTiles(height: number, width: number): boolean {
  return height > TILE_SIZE || width > TILE_SIZE;
}

/** `latents` [1, channels, h, w] to a picture [1, 3, h·compression, w·compression]. */
export async function tiledDecode(latents: FloatTensor, compression: number, decode: Run): Promise<FloatTensor> {
  const size = Math.floor(TILE_SIZE / compression);
  const stride = Math.floor(TILE_STRIDE / compression);
  const rows = await runTiles(latents, { size, stride, run: decode });
  return joinTiles(rows, { overlap: TILE_SIZE - TILE_STRIDE, keep: TILE_STRIDE });
}

/** `image` [1, 3, H, W] to latents [1, channels, H/compression, W/compression]. */
export async function tiledEncode(image: FloatTensor, compression: number, encode: Run): Promise<FloatTensor> {
  const rows = await runTiles(image, {
    size: TILE_SIZE,
    stride: TILE_STRIDE,
    run: (tile) => encode(padToMultiple(tile, compression)),
  });
  const stride = Math.floor(TILE_STRIDE / compression);
  const joined = joinTiles(rows, { overlap: Math.floor(TILE_SIZE / compression) - stride, keep: stride });
  const [, , height, width] = image.dims as [number, number, number, number];
  return crop(joined, {
    top: 0,
    left: 0,
    height: Math.floor(height / compression),
    width: Math.floor(width / compression),
  });
}

async function runTiles(
  input: FloatTensor,
  tiling: { size: number; stride: number; run: Run },
): Promise<FloatTensor[][]> {
  const [, , height, width] = input.dims as [number, number, number, number];
  const rows: FloatTensor[][] = [];
  for (let top = 0; top < height; top += tiling.stride) {
    const row: FloatTensor[] = [];
    for (let left = 0; left < width; left += tiling.stride) {
      row.push(await tiling.run(crop(input, { top, left, height: tiling.size, width: tiling.size })));
    }
    rows.push(row);
  }
  return rows;
}

function joinTiles(rows: FloatTensor[][], seam: { overlap: number; keep: number }): FloatTensor {
  const parts = rows.map((row, i) =>
    row.map((tile, j) => {
      const above = rows[i - 1]?.[j];
      const left = row[j - 1];
      // In place: the tile below and the tile to the right will blend with the numbers that result.
      if (above !== undefined) blend(above, tile, { overlap: seam.overlap, axis: 2 });
      if (left !== undefined) blend(left, tile, { overlap: seam.overlap, axis: 3 });
      return crop(tile, { top: 0, left: 0, height: seam.keep, width: seam.keep });
    }),
  );
  const first = parts[0]![0]!;
  const height = parts.reduce((sum, row) => sum + row[0]!.dims[2]!, 0);
  const width = parts[0]!.reduce((sum, tile) => sum + tile.dims[3]!, 0);
  const channels = first.dims[1]!;
  const joined = new Float32Array(channels * height * width);
  let top = 0;
  for (const row of parts) {
    let left = 0;
    for (const tile of row) {
      const [, , tileHeight, tileWidth] = tile.dims as [number, number, number, number];
      for (let line = 0; line < channels * tileHeight; line += 1) {
        const channel = Math.floor(line / tileHeight);
        const target = (channel * height + top + (line % tileHeight)) * width + left;
        joined.set(tile.data.subarray(line * tileWidth, (line + 1) * tileWidth), target);
      }
      left += tileWidth;
    }
    top += row[0]!.dims[2]!;
  }
  return { data: joined, dims: [1, channels, height, width] };
}

/** Fades the first `overlap` lines of `tile` in over the last ones of its neighbour, along one axis. */
function blend(neighbour: FloatTensor, tile: FloatTensor, seam: { overlap: number; axis: 2 | 3 }): void {
  const extent = Math.min(neighbour.dims[seam.axis]!, tile.dims[seam.axis]!, seam.overlap);
  const [, channels, height, width] = tile.dims as [number, number, number, number];
  const [, , otherHeight, otherWidth] = neighbour.dims as [number, number, number, number];
  const vertical = seam.axis === 2;
  const offset = neighbour.dims[seam.axis]! - extent;
  // Tiles of one row have one height and tiles of one column one width, so the other axis agrees.
  for (let channel = 0; channel < channels; channel += 1) {
    for (let y = 0; y < (vertical ? extent : height); y += 1) {
      for (let x = 0; x < (vertical ? width : extent); x += 1) {
        const weight = (vertical ? y : x) / extent;
        const here = (channel * height + y) * width + x;
        const there = (channel * otherHeight + y + (vertical ? offset : 0)) * otherWidth + x + (vertical ? 0 : offset);
        tile.data[here] = neighbour.data[there]! * (1 - weight) + tile.data[here]! * weight;
      }
    }
  }
}

/** A copy of the part of [1, channels, H, W] that lies inside the picture. */
function crop(input: FloatTensor, area: { top: number; left: number; height: number; width: number }): FloatTensor {
  const [, channels, height, width] = input.dims as [number, number, number, number];
  const [outHeight, outWidth] = [Math.min(area.height, height - area.top), Math.min(area.width, width - area.left)];
  const data = new Float32Array(channels * outHeight * outWidth);
  for (let line = 0; line < channels * outHeight; line += 1) {
    const channel = Math.floor(line / outHeight);
    const start = (channel * height + area.top + (line % outHeight)) * width + area.left;
    data.set(input.data.subarray(start, start + outWidth), line * outWidth);
  }
  return { data, dims: [1, channels, outHeight, outWidth] };
}

/** Zeros to the right and below until both sides are multiples. */
function padToMultiple(input: FloatTensor, multiple: number): FloatTensor {
  const [, channels, height, width] = input.dims as [number, number, number, number];
  const [outHeight, outWidth] = [Math.ceil(height / multiple) * multiple, Math.ceil(width / multiple) * multiple];
  if (outHeight === height && outWidth === width) return input;
  const data = new Float32Array(channels * outHeight * outWidth);
  for (let line = 0; line < channels * height; line += 1) {
    const channel = Math.floor(line / height);
    data.set(input.data.subarray(line * width, (line + 1) * width), (channel * outHeight + (line % height)) * outWidth);
  }
  return { data, dims: [1, channels, outHeight, outWidth] };
}
