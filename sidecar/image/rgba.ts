import { resizeLanczos } from "./lanczos";
import type { RgbImage } from "./pixels";

/** An 8-bit picture with transparency: rows from the top, each pixel as red, green, blue, alpha, not premultiplied. */
export interface RgbaImage {
  readonly width: number;
  readonly height: number;
  /** 4·width·height. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/** The same picture, opaque. */
export function toRgba({ width, height, data }: RgbImage): RgbaImage {
  const rgba = new Uint8Array(4 * width * height);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    rgba.set(data.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
    rgba[4 * pixel + 3] = 255;
  }
  return { width, height, data: rgba };
}

/**
 * Resizes with the Lanczos filter. Colours are weighted with their alpha meanwhile: those of transparent pixels, which
 * nobody sees, must not show at the edges.
 */
export function resizeRgba(image: RgbaImage, to: { width: number; height: number }): RgbaImage {
  const { width, height, data } = image;
  if (width === to.width && height === to.height) return image;
  const pixels = width * height;
  const colors = new Uint8Array(3 * pixels);
  const alphas = new Uint8Array(3 * pixels);
  for (let pixel = 0; pixel < pixels; pixel += 1) {
    const alpha = data[4 * pixel + 3]!;
    for (let channel = 0; channel < 3; channel += 1) {
      colors[3 * pixel + channel] = Math.round((data[4 * pixel + channel]! * alpha) / 255);
      alphas[3 * pixel + channel] = alpha;
    }
  }
  const color = resizeLanczos({ width, height, data: colors }, to.width, to.height).data;
  const alpha = resizeLanczos({ width, height, data: alphas }, to.width, to.height).data;
  const resized = new Uint8Array(4 * to.width * to.height);
  for (let pixel = 0; pixel < to.width * to.height; pixel += 1) {
    const opacity = alpha[3 * pixel]!;
    resized[4 * pixel + 3] = opacity;
    for (let channel = 0; channel < 3 && opacity > 0; channel += 1) {
      resized[4 * pixel + channel] = Math.min(Math.round((color[3 * pixel + channel]! * 255) / opacity), 255);
    }
  }
  return { ...to, data: resized };
}
