import { readFileSync } from "node:fs";

interface ImageGoldens {
  readonly png: readonly { name: string; width: number; height: number; png: string; rgb: string }[];
  readonly lanczos: readonly {
    width: number;
    height: number;
    rgb: string;
    toWidth: number;
    toHeight: number;
    expected: string;
  }[];
  readonly resizeAndCrop: readonly {
    height: number;
    width: number;
    toHeight: number;
    toWidth: number;
    expected: string;
  }[];
  readonly pixels: { floatsOfLevels: string; floats: string; levels: string };
}

/** What make_image_goldens.py wrote; arrays are base64 of their bytes. */
export const goldens = JSON.parse(readFileSync("test/golden/image/goldens.json", "utf8")) as ImageGoldens;

export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(Buffer.from(base64, "base64"));
}

export function floatsOf(base64: string): Float32Array {
  return new Float32Array(bytesOf(base64).buffer);
}

/** A picture whose bytes look random and are always the same. */
export function testPicture(width: number, height: number): { width: number; height: number; data: Uint8Array } {
  return { width, height, data: Uint8Array.from({ length: 3 * width * height }, (_, i) => (i * i * 31 + i * 7) >> 3) };
}
