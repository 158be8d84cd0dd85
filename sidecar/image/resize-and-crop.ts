import type { FloatTensor } from "../tensor/float-tensor";

/** Where each output position reads: two neighbours, and the share of the second. */
interface Taps {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly secondShare: Float32Array;
}

/**
 * Brings a picture [1, 3, H, W] that was generated at the size of its bin to the size that was asked for: scaled by the
 * larger of the two side ratios with bilinear interpolation (half-pixel centres, no antialiasing), then cropped around
 * the centre. Only what the crop keeps is computed. The reference truncates the scaled sides and can so come
 * out too short; here the asked size is always met.
 * Source: diffusers image_processor.py (PixArtImageProcessor.resize_and_crop_tensor), torch F.interpolate.
 */
export function resizeAndCrop(image: FloatTensor, size: { width: number; height: number }): FloatTensor {
  const [, channels, fromHeight, fromWidth] = image.dims as [number, number, number, number];
  const { width, height } = size;
  if (fromWidth === width && fromHeight === height) return image;
  const ratio = Math.max(height / fromHeight, width / fromWidth);
  const columns = bilinearTaps(fromWidth, Math.max(Math.trunc(fromWidth * ratio), width), width);
  const rows = bilinearTaps(fromHeight, Math.max(Math.trunc(fromHeight * ratio), height), height);

  const data = new Float32Array(channels * height * width);
  for (let channel = 0; channel < channels; channel += 1) {
    const plane = image.data.subarray(channel * fromHeight * fromWidth);
    for (let y = 0; y < height; y += 1) {
      const upper = rows.first[y]! * fromWidth;
      const lower = rows.second[y]! * fromWidth;
      const lowerShare = rows.secondShare[y]!;
      const out = (channel * height + y) * width;
      for (let x = 0; x < width; x += 1) {
        const left = columns.first[x]!;
        const right = columns.second[x]!;
        const share = columns.secondShare[x]!;
        const above = plane[upper + left]! * (1 - share) + plane[upper + right]! * share;
        const below = plane[lower + left]! * (1 - share) + plane[lower + right]! * share;
        data[out + x] = above * (1 - lowerShare) + below * lowerShare;
      }
    }
  }
  return { data, dims: [1, channels, height, width] };
}

/**
 * The taps of the `kept` middle positions of a side scaled from `from` to `to` pixels. Scale and position are float32,
 * the position rounded once (PyTorch's is a fused multiply-add): rounding twice differs from it by up to 1.5e-4 of the
 * value range at 1400 px, because float32 has no finer steps than 2^-13 there.
 */
function bilinearTaps(from: number, to: number, kept: number): Taps {
  const scale = Math.fround(from / to);
  const start = Math.floor((to - kept) / 2);
  const taps = { first: new Int32Array(kept), second: new Int32Array(kept), secondShare: new Float32Array(kept) };
  for (let i = 0; i < kept; i += 1) {
    const position = Math.max(Math.fround(scale * (start + i + 0.5) - 0.5), 0);
    const first = Math.min(Math.floor(position), from - 1);
    taps.first[i] = first;
    taps.second[i] = Math.min(first + 1, from - 1);
    taps.secondShare[i] = Math.min(position - first, 1);
  }
  return taps;
}
