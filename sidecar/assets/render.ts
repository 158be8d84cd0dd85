import { readParameters, writeParameters } from "../image/generation-parameters";
import { resizeLanczos } from "../image/lanczos";
import type { RgbImage } from "../image/pixels";
import { decodePng } from "../image/png-decoder";
import { encodePng, encodeRgbaPng } from "../image/png-encoder";
import { resizeRgba, toRgba, type RgbaImage } from "../image/rgba";
import { makeBackgroundTransparent } from "../image/transparent-background";
import type { Asset } from "./manifest";
import { sizeOfFile } from "./plan";

/**
 * The bytes of every file of an asset, by path, from the PNG that was generated. A PNG that is the asset's own file keeps
 * the parameters that the generated one holds. Throws `unsupported` where the background cannot be made transparent.
 */
export async function renderFiles(asset: Asset, png: Uint8Array): Promise<Map<string, Uint8Array>> {
  const picture = decodePng(png, asset.path);
  const cutOut = asset.transparent ? makeBackgroundTransparent(picture) : null;
  const rendered = new Map<string, Uint8Array>();
  for (const file of asset.files) {
    const size = sizeOfFile(file, picture);
    const isWhole = size.width === picture.width && cutOut === null;
    if (file.format === "png") {
      const bytes = isWhole ? png : encodeAsPng(picture, cutOut, size);
      rendered.set(file.path, file.path === asset.path && !isWhole ? copyParameters(png, bytes) : bytes);
    } else if (file.format === "webp") {
      // The encoders are a megabyte that most runs have no use for.
      const { encodeWebp } = await import("../image/webp-encoder");
      rendered.set(file.path, await encodeWebp(resizeRgba(cutOut ?? toRgba(picture), size)));
    } else {
      const { encodeJpeg } = await import("../image/jpeg-encoder");
      rendered.set(file.path, await encodeJpeg(resizeLanczos(picture, size.width, size.height)));
    }
  }
  return rendered;
}

function encodeAsPng(picture: RgbImage, cutOut: RgbaImage | null, size: { width: number; height: number }): Uint8Array {
  return cutOut === null
    ? encodePng(resizeLanczos(picture, size.width, size.height))
    : encodeRgbaPng(resizeRgba(cutOut, size));
}

function copyParameters(from: Uint8Array, to: Uint8Array): Uint8Array {
  const parameters = readParameters(from, "the generated picture");
  return parameters === undefined ? to : writeParameters(to, parameters);
}
