import { readInputFile } from "../files/input-file";
import { readParameters } from "../image/generation-parameters";
import type { InspectImageResult } from "../protocol";

/** Beyond this, reading would keep the server from answering in time. A 4096-pixel PNG has some 30 MB. */
const MAX_BYTES = 64 * 2 ** 20;

/** The parameters that a PNG was made with. Throws `invalid-input-file` naming the file. */
export async function inspectImage(path: string): Promise<InspectImageResult> {
  const parameters = readParameters(await readInputFile(path, { maxBytes: MAX_BYTES }), path);
  if (parameters === undefined) return { parameters: null };
  return {
    parameters: {
      ...parameters,
      seed: parameters.seed === undefined ? null : String(parameters.seed),
      latentsSha256: parameters.latentsSha256 ?? null,
      strength: parameters.strength ?? null,
      sourceImageSha256: parameters.sourceImageSha256 ?? null,
    },
  };
}
