import { Command } from "commander";
import { openAutoencoder, openCheckpoint } from "../checkpoint/diffusers-layout";
import { serializeSafetensors } from "../checkpoint/safetensors";
import { checkWeights } from "../checkpoint/weight-integrity";
import { SanaError } from "../errors";
import { cacheFolder } from "../files/cache-folder";
import { checkOutputTargets, writeOutputFiles } from "../files/output-file";
import { readLatentsFile } from "../generation/latents-file";
import { tensorToRgb } from "../image/pixels";
import { encodePng } from "../image/png-encoder";
import { decodeLatents, type VaeTiling } from "../pipeline/decode";
import type { SanaModels } from "../pipeline/models";
import { prepareDecoder } from "../runtime/autoencoder";
import { orInFloat32, type ComputeChoice } from "../runtime/compute";
import { chooseCompute } from "../runtime/execution-provider";
import {
  computeOptions,
  modelOption,
  notify,
  outputTarget,
  overwriteOption,
  tilingOption,
  type CommonOptions,
} from "./common-options";
import { pathOption } from "./option-values";

interface DecodeOptions extends CommonOptions {
  readonly latents: string;
  readonly output: string;
  readonly saveImageTensor?: string;
  readonly vaeTiling: VaeTiling;
}

/** `sana decode`: latents to a PNG. */
export function decodeCommand(): Command {
  const command = new Command("decode")
    .description("decode latents to a picture")
    .addOption(modelOption())
    .addOption(pathOption("--latents <file>", 'safetensors file with a tensor "latents"').makeOptionMandatory())
    .addOption(pathOption("--output <file>", "PNG file to write").makeOptionMandatory())
    .addOption(pathOption("--save-image-tensor <file>", "safetensors file for the picture before clamping"))
    .addOption(tilingOption())
    .addOption(overwriteOption());
  for (const option of computeOptions()) command.addOption(option);
  return command.action((options: DecodeOptions) => decode(options));
}

async function decode(options: DecodeOptions): Promise<void> {
  const picture = outputTarget(options.output, options);
  const tensor = options.saveImageTensor === undefined ? [] : [outputTarget(options.saveImageTensor, options)];
  await checkOutputTargets([picture, ...tensor]);
  const chosen = await chooseCompute(options);
  const checkpoint = await openCheckpoint(options.model);
  const { config, weights } = await openAutoencoder(checkpoint);
  const prepare = (compute: ComputeChoice): Pick<SanaModels, "decoder"> => ({
    decoder: prepareDecoder(config, weights, compute),
  });
  const models = prepare(chosen);
  const { latents } = await readLatentsFile(options.latents);
  if (latents.dims[1] !== config.latentChannels) {
    throw new SanaError(
      "invalid-input-file",
      `${options.latents}: tensor "latents" has ${latents.dims[1] ?? 0} channels; this checkpoint's have ${config.latentChannels}`,
    );
  }
  await checkWeights([weights], cacheFolder());

  if (chosen.notice !== undefined) notify(chosen.notice);
  const image = await orInFloat32(
    chosen,
    (compute) =>
      decodeLatents(latents, {
        config,
        models: compute === chosen ? models : prepare(compute),
        tiling: options.vaeTiling,
      }),
    notify,
  );
  const tensorBytes = (): Uint8Array =>
    serializeSafetensors({ image: { dtype: "F32", shape: image.dims, data: image.data } });
  await writeOutputFiles([
    { ...picture, bytes: encodePng(tensorToRgb(image)) },
    ...tensor.map((target) => ({ ...target, bytes: tensorBytes() })),
  ]);
}
