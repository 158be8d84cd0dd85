import { Command } from "commander";
import { openAutoencoder, openCheckpoint } from "../checkpoint/diffusers-layout";
import { serializeSafetensors } from "../checkpoint/safetensors";
import { checkWeights } from "../checkpoint/weight-integrity";
import { SanaError } from "../errors";
import { cacheFolder } from "../files/cache-folder";
import { MAX_IMAGE_FILE_BYTES, readInputFile } from "../files/input-file";
import { checkOutputTargets, writeOutputFiles } from "../files/output-file";
import { rgbToTensor } from "../image/pixels";
import { decodePng } from "../image/png-decoder";
import { compressionOf, encodeImage } from "../pipeline/decode";
import type { SanaModels } from "../pipeline/models";
import { prepareEncoder } from "../runtime/autoencoder";
import { orInFloat32, type ComputeChoice } from "../runtime/compute";
import { chooseCompute } from "../runtime/execution-provider";
import {
  computeOptions,
  modelOption,
  notify,
  outputTarget,
  overwriteOption,
  type CommonOptions,
} from "./common-options";
import { pathOption } from "./option-values";

interface EncodeOptions extends CommonOptions {
  readonly image: string;
  readonly output: string;
}

/** `sana encode`: a PNG to latents. */
export function encodeCommand(): Command {
  const command = new Command("encode")
    .description("encode a picture to latents")
    .addOption(modelOption())
    .addOption(pathOption("--image <file>", "8-bit PNG file").makeOptionMandatory())
    .addOption(pathOption("--output <file>", "safetensors file to write").makeOptionMandatory())
    .addOption(overwriteOption());
  for (const option of computeOptions()) command.addOption(option);
  return command.action((options: EncodeOptions) => encode(options));
}

async function encode(options: EncodeOptions): Promise<void> {
  const target = outputTarget(options.output, options);
  await checkOutputTargets([target]);
  const chosen = await chooseCompute(options);
  const checkpoint = await openCheckpoint(options.model);
  const { config, weights } = await openAutoencoder(checkpoint);
  const prepare = (compute: ComputeChoice): Pick<SanaModels, "encoder"> => ({
    encoder: prepareEncoder(config, weights, compute),
  });
  const models = prepare(chosen);
  const image = decodePng(await readInputFile(options.image, { maxBytes: MAX_IMAGE_FILE_BYTES }), options.image);
  const multiple = Math.max(32, compressionOf(config));
  if (image.width % multiple !== 0 || image.height % multiple !== 0) {
    throw new SanaError(
      "invalid-input-file",
      `${options.image}: the picture is ${image.width}×${image.height}; both sides must be multiples of ${multiple}`,
    );
  }
  await checkWeights([weights], cacheFolder());

  if (chosen.notice !== undefined) notify(chosen.notice);
  const latents = await orInFloat32(
    chosen,
    (compute) =>
      encodeImage(rgbToTensor(image), {
        config,
        models: compute === chosen ? models : prepare(compute),
        tiling: "auto",
      }),
    notify,
  );
  const bytes = serializeSafetensors({ latents: { dtype: "F32", shape: latents.dims, data: latents.data } });
  await writeOutputFiles([{ ...target, bytes }]);
}
