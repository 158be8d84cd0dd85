import type { RgbImage } from "./pixels";

type Color = readonly [number, number, number];
type Random = () => number;

/** One thing on a picture: whether it covers the point (x, y), both in [0, 1], and its colour there. */
interface Shape {
  readonly covers: (x: number, y: number) => boolean;
  readonly color: Color;
}

/**
 * Draws `count` square pictures of `size` pixels a side to fit a checkpoint's preview map to: a plain or graded
 * background under three to eight discs, boxes and striped discs of random colour, place and size. 24 of them at 256 px
 * are enough: with 48 the previews of 18 generated pictures came no closer. The same arguments give the same pictures.
 */
export function previewFitImages(size: number, count: number): RgbImage[] {
  const random = seededRandom(1);
  return Array.from({ length: count }, () => drawPicture(size, random));
}

function drawPicture(size: number, random: Random): RgbImage {
  const from = randomColor(random);
  const to = random() < 0.5 ? from : randomColor(random);
  const angle = 2 * Math.PI * random();
  const shapes = Array.from({ length: 3 + Math.floor(6 * random()) }, () => randomShape(random));
  const data = new Uint8Array(3 * size * size);
  for (let row = 0; row < size; row += 1) {
    for (let column = 0; column < size; column += 1) {
      const [x, y] = [(column + 0.5) / size, (row + 0.5) / size];
      const along = Math.min(Math.max(0.5 + (x - 0.5) * Math.cos(angle) + (y - 0.5) * Math.sin(angle), 0), 1);
      const top = shapes.findLast((shape) => shape.covers(x, y));
      for (let channel = 0; channel < 3; channel += 1) {
        data[3 * (row * size + column) + channel] =
          top?.color[channel] ?? Math.round(from[channel]! * (1 - along) + to[channel]! * along);
      }
    }
  }
  return { width: size, height: size, data };
}

function randomShape(random: Random): Shape {
  const color = randomColor(random);
  const [centerX, centerY] = [random(), random()];
  const radius = 0.03 + 0.3 * random();
  const inDisc = (x: number, y: number): boolean => (x - centerX) ** 2 + (y - centerY) ** 2 < radius ** 2;
  const kind = Math.floor(3 * random());
  if (kind === 0) return { color, covers: inDisc };
  if (kind === 1) {
    const halfHeight = radius * (0.3 + random());
    return { color, covers: (x, y) => Math.abs(x - centerX) < radius && Math.abs(y - centerY) < halfHeight };
  }
  const frequency = 2 * Math.PI * (5 + 60 * random());
  const angle = 2 * Math.PI * random();
  const isStripe = (x: number, y: number): boolean =>
    Math.sin(frequency * (x * Math.cos(angle) + y * Math.sin(angle))) > 0;
  return { color, covers: (x, y) => inDisc(x, y) && isStripe(x, y) };
}

/** Black, white and greys are as frequent as colours, because real pictures are full of them. */
function randomColor(random: Random): Color {
  const kind = Math.floor(4 * random());
  if (kind === 0) return random() < 0.5 ? [0, 0, 0] : [255, 255, 255];
  const grey = Math.floor(256 * random());
  if (kind === 1) return [grey, grey, grey];
  return [Math.floor(256 * random()), Math.floor(256 * random()), Math.floor(256 * random())];
}

/** Uniform numbers in [0, 1) by xorshift, which is plenty for drawings. `seed` is not 0. */
function seededRandom(seed: number): Random {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
