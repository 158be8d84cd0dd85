import { resolve } from "node:path";
import { SanaError } from "../errors";
import { isBundledModel, modelFolder } from "../generation/bundled-models";
import type { AssetModel, PictureNumbers } from "./asset-model";
import { checkAssetFolder } from "./asset-path";
import { hashOfFile, type FileHashes } from "./file-hash";
import { sha256Of, type Lock, type LockEntry } from "./lock-file";
import type { Asset, AssetFile } from "./manifest";
import type { Reason } from "./reason";

/**
 * - `missing`: a file is not there
 * - `out-of-date`: made with other parameters or another model
 * - `conflict`: a file is there that this program did not make, or that was changed since
 * - `invalid`: the model cannot make it, or cannot be opened
 */
export type AssetState = "up-to-date" | "missing" | "out-of-date" | "conflict" | "invalid";

/** What is to be done about one asset. */
export interface PlannedAsset {
  readonly asset: Asset;
  readonly state: AssetState;
  /** Why it is not up to date; null where it is. */
  readonly reason: Reason | null;
  /** Null where the state is `invalid`. */
  readonly recipe: Recipe | null;
}

/** Everything that decides what the files of an asset hold. */
export interface Recipe {
  /** Absolute folder of the checkpoint. */
  readonly model: string;
  readonly numbers: PictureNumbers;
  readonly parametersHash: string;
}

export interface Plan {
  readonly assets: readonly PlannedAsset[];
  /** Files that were made for assets which the manifest no longer holds, and that still exist. */
  readonly orphans: readonly string[];
}

/** Where the plan looks up models. */
export interface PlanContext {
  /** The manifest's folder. */
  readonly folder: string;
  /** The checkpoint's folder where an asset names none. */
  readonly defaultModel: string;
  /** Whether the manifest may name models' folders: reading a checkpoint is more than a workspace of unknown origin should ask for. */
  readonly trusted: boolean;
  /** What earlier plans found out, for those who plan often. */
  readonly hashes?: FileHashes;
  openModel(folder: string): Promise<AssetModel>;
}

/** Compares a manifest with what lies on the disk. Reads the files of the assets, changes nothing. */
export async function planAssets(assets: readonly Asset[], lock: Lock, context: PlanContext): Promise<Plan> {
  const models = new Map<string, Promise<AssetModel>>();
  const openOnce = (folder: string): Promise<AssetModel> => {
    const model = models.get(folder) ?? context.openModel(folder);
    models.set(folder, model);
    return model;
  };
  const planned: PlannedAsset[] = [];
  for (const asset of assets) {
    planned.push(await planAsset(asset, lock, { ...context, openModel: openOnce }));
  }
  const wanted = new Set(assets.flatMap(({ files }) => files.map(({ path }) => path)));
  const orphans = [...lock.values()].flatMap(({ files }) => Object.keys(files)).filter((path) => !wanted.has(path));
  const existing = await Promise.all(orphans.map((path) => hashOfFile(context.folder, path, context.hashes)));
  return { assets: planned, orphans: orphans.filter((_, i) => existing[i] !== undefined).sort() };
}

async function planAsset(asset: Asset, lock: Lock, context: PlanContext): Promise<PlannedAsset> {
  try {
    if (asset.model !== undefined && !isBundledModel(asset.model) && !context.trusted) {
      throw new SanaError("invalid-parameter", "it names a model's folder, which counts in trusted workspaces only");
    }
    const model = resolve(context.folder, modelFolder(asset.model ?? context.defaultModel));
    const { hash, knowsNegativePrompt, resolve: resolveNumbers } = await context.openModel(model);
    if (asset.negativePrompt !== "" && !knowsNegativePrompt) {
      const message =
        'negativePrompt has no meaning for a Sprint checkpoint such as "fast"; the model "quality" knows one';
      throw new SanaError("invalid-parameter", message);
    }
    const numbers = resolveNumbers(asset);
    checkWidths(asset.files, numbers.width);
    const recipe = { model, numbers, parametersHash: hashParameters(asset, numbers) };
    for (const { path } of asset.files) await checkAssetFolder(context.folder, path);
    return { asset, recipe, ...(await compare(asset, lock, { ...context, recipe, modelHash: hash })) };
  } catch (error) {
    if (!(error instanceof SanaError) || error.code === "cancelled") throw error;
    return { asset, state: "invalid", reason: { message: error.message }, recipe: null };
  }
}

/** The width and height in pixels of a file of a picture of that size. */
export function sizeOfFile(
  { width: rule }: AssetFile,
  picture: { width: number; height: number },
): { width: number; height: number } {
  const width = "pixels" in rule ? rule.pixels : Math.max(Math.round(picture.width * rule.share), 1);
  return { width, height: Math.max(Math.round((picture.height * width) / picture.width), 1) };
}

function checkWidths(files: readonly AssetFile[], width: number): void {
  for (const file of files) {
    const { width: wanted } = sizeOfFile(file, { width, height: 1 });
    if (wanted > width) {
      throw new SanaError(
        "invalid-parameter",
        `the size ${wanted} of ${file.path} is wider than the picture, which has ${width} pixels`,
      );
    }
  }
}

function hashParameters(asset: Asset, numbers: PictureNumbers): string {
  const { prompt, negativePrompt, seed, transparent, files } = asset;
  const { width, height, steps, guidanceScale } = numbers;
  return sha256Of(
    JSON.stringify([
      [prompt, negativePrompt, seed.toString(), width, height, steps, guidanceScale, transparent],
      files.map((file) => [file.path, file.format, sizeOfFile(file, numbers).width]),
    ]),
  );
}

async function compare(
  asset: Asset,
  lock: Lock,
  wanted: Pick<PlanContext, "folder" | "hashes"> & { recipe: Recipe; modelHash: string },
): Promise<Pick<PlannedAsset, "state" | "reason">> {
  const entry = lock.get(asset.path);
  const missing: string[] = [];
  let isOther = false;
  for (const { path } of asset.files) {
    const hash = await hashOfFile(wanted.folder, path, wanted.hashes);
    if (hash === undefined) missing.push(path);
    else if (hash !== entry?.files[path]) {
      if (!wasMade(lock, path, hash)) return { state: "conflict", reason: conflictReason(path, entry) };
      isOther = true;
    }
  }
  if (missing.length > 0) {
    const kind = missing.length === 1 ? "does-not-exist" : "do-not-exist";
    return { state: "missing", reason: { kind, files: missing.join(", ") } };
  }
  if (isOther) return { state: "out-of-date", reason: { kind: "interrupted", files: "" } };
  // First, because another model brings other parameters with it.
  if (entry!.model !== wanted.modelHash) {
    return { state: "out-of-date", reason: { kind: "other-model", files: "" } };
  }
  if (entry!.parameters !== wanted.recipe.parametersHash) {
    return { state: "out-of-date", reason: { kind: "other-parameters", files: "" } };
  }
  return { state: "up-to-date", reason: null };
}

/** Whether a file with that hash at that path was made by this program, for whichever asset. */
function wasMade(lock: Lock, path: string, hash: string): boolean {
  return [...lock.values()].some(({ files, previous }) => files[path] === hash || previous?.[path] === hash);
}

function conflictReason(path: string, entry: LockEntry | undefined): Reason {
  return { kind: entry?.files[path] === undefined ? "not-from-manifest" : "changed", files: path };
}
