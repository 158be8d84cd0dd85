import { createHash } from "node:crypto";
import { mkdir, readFile, rename, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { writeQuantizedFile } from "../checkpoint/quantized-file";
import { openSafetensors } from "../checkpoint/safetensors";
import { checkWeights } from "../checkpoint/weight-integrity";
import type { WeightDirectory } from "../checkpoint/weights";
import { isFloatDtype } from "../checkpoint/widen";
import { SanaError } from "../errors";
import { cacheFolder } from "../files/cache-folder";
import { writeOutputFiles } from "../files/output-file";
import { systemErrorReason } from "../files/system-error";
import { removeAbandonedFiles, temporaryName } from "../files/temporary-file";

/** Changes when the same source would give other numbers. */
const FORMAT_VERSION = 1;

/** What multiplies activations with a matrix, by the names of the official checkpoints. */
const MATRICES = {
  text_encoder: /^layers\.\d+\.(?:self_attn|mlp)\.\w+_proj\.weight$/,
  transformer:
    /^(?:transformer_blocks\.\d+\.(?:attn[12]\.to_(?:q|k|v|out\.0)|ff\.conv_(?:inverted|point))|caption_projection\.linear_[12])\.weight$/,
} as const;

/** Its rows are read one by one from where they are. */
const EMBEDDING = "embed_tokens.weight";

/**
 * A component's weights with its matrices in 8 or 4 bits: `source` itself where it holds integers already, else a file in
 * the cache folder, which is made where it is missing, incomplete or damaged. Its name holds the hash of the source's
 * files. `notify` is told in one line what is made and how large it is. Throws `output-failed` where it cannot be written.
 */
export async function quantizedWeights(
  source: WeightDirectory,
  options: {
    component: keyof typeof MATRICES;
    bits: 4 | 8;
    notify: (message: string) => void;
  },
): Promise<WeightDirectory> {
  const { component, bits, notify } = options;
  const isMatrix = (name: string): boolean => MATRICES[component].test(name);
  if ([...source.tensors].some(([name, { dtype }]) => isMatrix(name) && !isFloatDtype(dtype))) return source;

  const hashes = await checkWeights([source], cacheFolder());
  const hash = createHash("sha256")
    .update([FORMAT_VERSION, ...[...hashes].sort()].join())
    .digest("hex");
  const folder = join(cacheFolder(), "quantized");
  const path = join(folder, `${component}-int${bits}-${hash.slice(0, 32)}.safetensors`);
  const known = await completeFile(path);
  if (known !== undefined) return merged(source, known);

  notify(`converting the ${component.replace("_", " ")} of ${source.folder} to int${bits}, once`);
  const temporary = join(folder, temporaryName());
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removeAbandonedFiles(folder);
    const includes = (name: string): boolean => name !== EMBEDDING;
    await writeQuantizedFile(source, temporary, { bits, includes, isMatrix });
    await rename(temporary, path);
    const made = await openSafetensors(path);
    const [sha256] = await checkWeights([{ folder, tensors: made.tensors }], cacheFolder());
    const bytes = new TextEncoder().encode(`${sha256!}\n`);
    await writeOutputFiles([{ path: hashFile(path), bytes, ifExists: "replace" }]);
    const gigabytes = ((await stat(path)).size / 1e9).toFixed(2);
    notify(`kept ${gigabytes} GB in ${path}`);
    return merged(source, made);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    if (error instanceof SanaError) throw error;
    throw new SanaError("output-failed", `cannot write ${path}: ${systemErrorReason(error)}`, { cause: error });
  }
}

/** The file where it is as it was written: of the recorded hash. */
async function completeFile(path: string): Promise<Pick<WeightDirectory, "tensors"> | undefined> {
  try {
    const recorded = (await readFile(hashFile(path), "utf8")).trim();
    const file = await openSafetensors(path);
    const [found] = await checkWeights([{ folder: path, tensors: file.tensors }], cacheFolder());
    return found === recorded ? file : undefined;
  } catch {
    return undefined;
  }
}

function hashFile(path: string): string {
  return `${path}.sha256`;
}

/** What the new file holds from there, everything else from the source. */
function merged(source: WeightDirectory, file: Pick<WeightDirectory, "tensors">): WeightDirectory {
  return { folder: source.folder, tensors: new Map([...source.tensors, ...file.tensors]) };
}
