import { join } from "node:path";
import { SanaError } from "../errors";
import { listFolder, readJson } from "./files";
import { openSafetensors, type SafetensorsFile } from "./safetensors";
import type { StoredTensor, WeightDirectory } from "./weights";

/** Plain names first: the numbers that the checkpoint's makers meant to be read by default. */
const VARIANTS = ["", "bf16", "fp16"];

/**
 * The weights of a component folder: BASE.safetensors, or shards with an index, or their bf16 or fp16 variant where
 * there is nothing else. An index wins over a single file beside it, as in the reference. Throws `invalid-weights`
 * naming file and tensor where something is missing or damaged, and `unsupported` where there are pickle files only.
 */
export async function openWeights(folder: string, baseName: string): Promise<WeightDirectory> {
  const names = await listFolder(folder);
  for (const variant of VARIANTS) {
    const index = indexNames(baseName, variant).find((name) => names.includes(name));
    if (index !== undefined) return { folder, tensors: await openShards(folder, index) };
    const single = variant === "" ? `${baseName}.safetensors` : `${baseName}.${variant}.safetensors`;
    if (names.includes(single)) return { folder, tensors: (await openSafetensors(join(folder, single))).tensors };
  }
  const pickle = names.find((name) => /\.(bin|ckpt|pt|pth)$/.test(name));
  if (pickle !== undefined) {
    throw new SanaError(
      "unsupported",
      `${join(folder, pickle)} is a pickle file, which may run code when it is read; weights must be ${baseName}.safetensors`,
    );
  }
  throw new SanaError(
    "invalid-weights",
    `${folder} has no weights; ${baseName}.safetensors or ${baseName}.safetensors.index.json is needed`,
  );
}

/** The libraries of the text encoder and of the other components put the variant at different places. */
function indexNames(baseName: string, variant: string): string[] {
  if (variant === "") return [`${baseName}.safetensors.index.json`];
  return [`${baseName}.safetensors.index.${variant}.json`, `${baseName}.${variant}.safetensors.index.json`];
}

async function openShards(folder: string, indexName: string): Promise<Map<string, StoredTensor>> {
  const index = join(folder, indexName);
  const weightMap = await readWeightMap(index);
  const shards = new Map<string, SafetensorsFile>();
  const tensors = new Map<string, StoredTensor>();
  for (const shard of [...new Set(weightMap.values())].sort()) {
    const file = await openSafetensors(join(folder, shard));
    shards.set(shard, file);
    for (const [name, tensor] of file.tensors) {
      if (tensors.has(name)) {
        throw new SanaError(
          "invalid-weights",
          `${join(folder, shard)}: the tensor "${name}" is in another shard as well`,
        );
      }
      tensors.set(name, tensor);
    }
  }
  for (const [name, shard] of weightMap) {
    if (!shards.get(shard)!.tensors.has(name)) {
      throw new SanaError(
        "invalid-weights",
        `${join(folder, shard)}: the tensor "${name.slice(0, 100)}" is missing, although ${indexName} says that it is there`,
      );
    }
  }
  return tensors;
}

/** Tensor names to shard names, the latter proven to be files of this very folder. */
async function readWeightMap(index: string): Promise<Map<string, string>> {
  const json = await readJson(index);
  const weightMap = typeof json === "object" && json !== null && "weight_map" in json ? json.weight_map : undefined;
  if (typeof weightMap !== "object" || weightMap === null || Array.isArray(weightMap)) {
    throw new SanaError("invalid-weights", `${index}: "weight_map" must be a JSON object`);
  }
  const entries = Object.entries(weightMap).map(([tensor, shard]): [string, string] => {
    if (typeof shard !== "string" || !isPlainFileName(shard)) {
      const found = typeof shard === "string" ? JSON.stringify(shard.slice(0, 100)) : typeof shard;
      throw new SanaError(
        "invalid-weights",
        `${index}: "weight_map" leads to ${found}; only .safetensors files of the same folder are allowed`,
      );
    }
    return [tensor, shard];
  });
  if (entries.length === 0) throw new SanaError("invalid-weights", `${index}: "weight_map" is empty`);
  return new Map(entries);
}

/** Without separators of any system, a name that does not begin with a dot cannot lead out of its folder. */
function isPlainFileName(name: string): boolean {
  return /^[^./\\:\0][^/\\:\0]*\.safetensors$/.test(name);
}
