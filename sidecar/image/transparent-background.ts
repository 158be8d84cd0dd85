import { SanaError } from "../errors";
import type { RgbImage } from "./pixels";
import type { RgbaImage } from "./rgba";

type Color = readonly [red: number, green: number, blue: number];

/**
 * Pictures of the bundled checkpoint on white keep within 2 of it along 99 % of the border; more than this and a white
 * outline with a faint shadow around it, as stickers have, is lost.
 */
const SMALLEST_TOLERANCE = 12;
/** An even background is within this of its median along three quarters of the border; things may touch the rest. */
const LARGEST_SPREAD = 32;
/** The outermost pixels, where the decoder is least exact: up to 31 from the rest in the corners. */
const MARGIN = 2;
/** How many times the border's spread still counts as background. */
const SPREAD_FACTOR = 2.5;

/** Pixels from the background inwards that may be a mixture of both: how wide the decoder draws an edge. */
const EDGE_WIDTH = 3;
/** An edge pixel as opaque as this is taken for a wholly opaque one, whose colour varies a little. */
const OPAQUE = 0.95;

/**
 * Makes the even background of a picture transparent: everything of the border's colour that is connected with the
 * border. Pixels along the edge are taken apart into background and foreground: they get the share of the foreground as
 * alpha and its colour without the background's, so that no fringe shows on another background. Over the old background
 * the result looks as before. Throws `unsupported` where the border is not of one colour.
 */
export function makeBackgroundTransparent(image: RgbImage): RgbaImage {
  const { background, tolerance } = measureBackground(image);
  const depths = depthsBelowBackground(image, (pixel) => {
    const allowed = isInMargin(image, pixel) ? Math.max(tolerance, LARGEST_SPREAD) : tolerance;
    return distance(colorAt(image, pixel), background) <= allowed;
  });
  const data = new Uint8Array(4 * image.width * image.height);
  for (let pixel = 0; pixel < depths.length; pixel += 1) {
    const depth = depths[pixel]!;
    if (depth === 0) continue;
    const color = colorAt(image, pixel);
    const inside = depth <= EDGE_WIDTH ? foregroundNear(image, depths, pixel) : color;
    const alpha = depth <= EDGE_WIDTH ? opacity(color, { background, foreground: inside }) : 1;
    for (let channel = 0; channel < 3; channel += 1) {
      const share = (color[channel]! - (1 - alpha) * background[channel]!) / alpha;
      data[4 * pixel + channel] = Math.round(Math.min(Math.max(share, 0), 255));
    }
    data[4 * pixel + 3] = Math.round(255 * alpha);
  }
  return { width: image.width, height: image.height, data };
}

/** The border's median colour and how far from it the background goes. */
function measureBackground(image: RgbImage): { background: Color; tolerance: number } {
  const border = borderPixels(image).map((pixel) => colorAt(image, pixel));
  const median = (channel: number): number =>
    quantile(
      border.map((color) => color[channel]!),
      0.5,
    );
  const background: Color = [median(0), median(1), median(2)];
  const spread = quantile(
    border.map((color) => distance(color, background)),
    0.75,
  );
  if (spread > LARGEST_SPREAD) {
    throw new SanaError(
      "unsupported",
      "the background is not even, so it cannot be made transparent; ask for a plain background in the prompt or take another seed",
    );
  }
  return { background, tolerance: Math.max(SMALLEST_TOLERANCE, SPREAD_FACTOR * spread) };
}

function borderPixels({ width, height }: RgbImage): number[] {
  const pixels: number[] = [];
  for (let x = 0; x < width; x += 1) pixels.push(x, (height - 1) * width + x);
  for (let y = 1; y < height - 1; y += 1) pixels.push(y * width, y * width + width - 1);
  return pixels;
}

function isInMargin({ width, height }: RgbImage, pixel: number): boolean {
  const [x, y] = [pixel % width, Math.floor(pixel / width)];
  return Math.min(x, y, width - 1 - x, height - 1 - y) < MARGIN;
}

/**
 * For each pixel its distance from the background in steps to any of eight neighbours: 0 in the background, up to
 * EDGE_WIDTH + 1, which also stands for everything farther in.
 */
function depthsBelowBackground(image: RgbImage, belongs: (pixel: number) => boolean): Uint8Array {
  const { width, height } = image;
  const innermost = EDGE_WIDTH + 1;
  const depths = new Uint8Array(width * height).fill(innermost);
  const queue = new Int32Array(width * height);
  let end = 0;
  const join = (pixel: number): void => {
    if (depths[pixel] === 0 || !belongs(pixel)) return;
    depths[pixel] = 0;
    queue[end] = pixel;
    end += 1;
  };
  for (const pixel of borderPixels(image)) join(pixel);
  // Sideways and up and down only: a background does not leak through a line that is joined at corners.
  for (let next = 0; next < end; next += 1) {
    const pixel = queue[next]!;
    const x = pixel % width;
    if (x > 0) join(pixel - 1);
    if (x < width - 1) join(pixel + 1);
    if (pixel >= width) join(pixel - width);
    if (pixel < width * (height - 1)) join(pixel + width);
  }
  for (let depth = 1; depth <= EDGE_WIDTH; depth += 1) {
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        if (depths[y * width + x]! <= depth) continue;
        if (hasNeighbor(depths, { width, height, x, y }, depth - 1)) depths[y * width + x] = depth;
      }
    }
  }
  return depths;
}

function hasNeighbor(
  depths: Uint8Array,
  place: { width: number; height: number; x: number; y: number },
  depth: number,
): boolean {
  for (let y = Math.max(place.y - 1, 0); y <= Math.min(place.y + 1, place.height - 1); y += 1) {
    for (let x = Math.max(place.x - 1, 0); x <= Math.min(place.x + 1, place.width - 1); x += 1) {
      if (depths[y * place.width + x] === depth) return true;
    }
  }
  return false;
}

/** The mean colour of the innermost pixels near an edge pixel: what it would be without the background. */
function foregroundNear({ width, height, data }: RgbImage, depths: Uint8Array, pixel: number): Color {
  const [centerX, centerY] = [pixel % width, Math.floor(pixel / width)];
  let deepest = 0;
  let count = 0;
  const sum = [0, 0, 0];
  for (let y = Math.max(centerY - EDGE_WIDTH, 0); y <= Math.min(centerY + EDGE_WIDTH, height - 1); y += 1) {
    for (let x = Math.max(centerX - EDGE_WIDTH, 0); x <= Math.min(centerX + EDGE_WIDTH, width - 1); x += 1) {
      const depth = depths[y * width + x]!;
      if (depth < deepest) continue;
      if (depth > deepest) {
        deepest = depth;
        count = 0;
        sum.fill(0);
      }
      count += 1;
      for (let channel = 0; channel < 3; channel += 1) sum[channel]! += data[3 * (y * width + x) + channel]!;
    }
  }
  return [sum[0]! / count, sum[1]! / count, sum[2]! / count];
}

/** The share of the foreground in a colour, in (0, 1]: at least so much that the foreground's colour exists. */
function opacity(color: Color, { background, foreground }: { background: Color; foreground: Color }): number {
  let [along, length, least] = [0, 0, 0];
  for (let channel = 0; channel < 3; channel += 1) {
    const [from, to] = [background[channel]!, foreground[channel]!];
    const change = color[channel]! - from;
    along += change * (to - from);
    length += (to - from) ** 2;
    if (change !== 0) least = Math.max(least, change > 0 ? change / (255 - from) : -change / from);
  }
  const share = length === 0 ? 1 : Math.max(along / length, least);
  return share >= OPAQUE ? 1 : share;
}

function colorAt({ data }: RgbImage, pixel: number): Color {
  return [data[3 * pixel]!, data[3 * pixel + 1]!, data[3 * pixel + 2]!];
}

function distance(first: Color, second: Color): number {
  return Math.hypot(first[0] - second[0], first[1] - second[1], first[2] - second[2]);
}

function quantile(values: readonly number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(share * (values.length - 1))]!;
}
