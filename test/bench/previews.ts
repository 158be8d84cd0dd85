import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resizeLanczos } from "../../sidecar/image/lanczos";
import type { RgbImage } from "../../sidecar/image/pixels";
import { decodePng } from "../../sidecar/image/png-decoder";
import { encodePng } from "../../sidecar/image/png-encoder";
import { runCli } from "../cli/run-cli";

/**
 * How alike the last preview and the finished picture are, on 20 fixed prompts with the bundled model of many steps, and a sheet
 * of the pictures: npm run bench:previews -- SHEET.png
 */

const PROMPTS = [
  "a red fox",
  "a glossy 3d icon of a rocket",
  "a penguin on a pink background",
  "three cats, cartoon illustration",
  'a red sign that says "open"',
  "a blue car",
  "a bicycle, blueprint",
  "an octopus on a teal background",
  "a cactus to the left of a house",
  'a fox and a speech bubble that says "hello"',
  "a database",
  "a padlock on a blue background",
  "an owl under a starry night sky",
  "a birthday cake",
  "a guitar, line art icon",
  "a sunflower, sticker",
  'ein Schild mit dem Wort "danke"',
  "三只企鹅",
  "ein Haus auf grünem Hintergrund",
  "🐢",
] as const;

const COLUMNS = 5;
const THUMBNAIL = 192;

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sana-previews-"));
  try {
    const cosines: number[] = [];
    const thumbnails: RgbImage[] = [];
    for (const [seed, prompt] of PROMPTS.entries()) {
      const [output, previews] = [join(folder, `${seed}.png`), join(folder, `${seed}`)];
      const { code, stderr } = await runCli(
        ["generate", prompt, "--quality", "--seed", `${seed}`, "--output", output, "--previews", previews],
        { timeoutMs: 600_000 },
      );
      if (code !== 0) throw new Error(stderr);
      const picture = readPicture(output);
      const last = readPicture(join(previews, readdirSync(previews).sort().at(-1)!));
      const cosine = cosineOf(last, resizeLanczos(picture, last.width, last.height));
      cosines.push(cosine);
      thumbnails.push(resizeLanczos(picture, THUMBNAIL, THUMBNAIL));
      process.stderr.write(`${cosine.toFixed(4)} ${prompt}\n`);
    }
    const mean = cosines.reduce((sum, cosine) => sum + cosine, 0) / cosines.length;
    process.stdout.write(`cosine of the last preview to the picture: least ${Math.min(...cosines).toFixed(4)}, `);
    process.stdout.write(`mean ${mean.toFixed(4)}, ${cosines.length} prompts\n`);
    const sheet = process.argv[2];
    if (sheet !== undefined) writeFileSync(sheet, encodePng(contactSheet(thumbnails)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function readPicture(path: string): RgbImage {
  return decodePng(readFileSync(path), path);
}

/** Of the pixel values, 0 … 255. */
function cosineOf(a: RgbImage, b: RgbImage): number {
  let [dot, normA, normB] = [0, 0, 0];
  a.data.forEach((value, i) => {
    dot += value * b.data[i]!;
    normA += value * value;
    normB += b.data[i]! ** 2;
  });
  return dot / Math.sqrt(normA * normB);
}

function contactSheet(pictures: readonly RgbImage[]): RgbImage {
  const rows = Math.ceil(pictures.length / COLUMNS);
  const [width, height] = [COLUMNS * THUMBNAIL, rows * THUMBNAIL];
  const data = new Uint8Array(width * height * 3).fill(255);
  pictures.forEach((picture, index) => {
    const left = (index % COLUMNS) * THUMBNAIL;
    const top = Math.floor(index / COLUMNS) * THUMBNAIL;
    for (let y = 0; y < picture.height; y += 1) {
      const line = picture.data.subarray(y * picture.width * 3, (y + 1) * picture.width * 3);
      data.set(line, ((top + y) * width + left) * 3);
    }
  });
  return { width, height, data };
}

void main();
