import { SanaError } from "../errors";
import { checkOutputTargets, writeOutputFiles } from "../files/output-file";
import { throwIfCancelled } from "../pipeline/guards";
import type { PictureNumbers } from "./asset-model";
import { locateAsset, prepareAssetFolder } from "./asset-path";
import { takeBuildTurn } from "./build-turn";
import { hashOfFile } from "./file-hash";
import { readLock, sha256Of, writeLock, type LockEntry } from "./lock-file";
import type { Asset } from "./manifest";
import { planAssets, type Plan, type PlanContext, type PlannedAsset, type Recipe } from "./plan";
import { reasonText } from "./reason";
import { renderFiles } from "./render";

/** Makes one picture. Returns the PNG and the hash of the weights it was made with; throws a SanaError. */
export type GeneratePicture = (
  picture: PictureNumbers & {
    readonly model: string;
    readonly prompt: string;
    readonly negativePrompt: string;
    readonly seed: bigint;
  },
  context: { readonly signal: AbortSignal; readonly onFraction: (fraction: number) => void },
) => Promise<{ readonly png: Uint8Array; readonly modelHash: string }>;

export type BuildEvent =
  /** Another process builds these assets; it is waited for. */
  | { readonly type: "waiting"; readonly processId: number }
  | { readonly type: "planned"; readonly total: number }
  /** The asset at `index` (0 …) of those that are built is so far, 0 … 1. */
  | { readonly type: "progress"; readonly index: number; readonly path: string; readonly fraction: number }
  | { readonly type: "built"; readonly path: string }
  | { readonly type: "failed"; readonly path: string; readonly message: string };

export interface BuildResult {
  readonly built: readonly string[];
  readonly upToDate: readonly string[];
  readonly failed: readonly { readonly path: string; readonly message: string }[];
  readonly orphans: readonly string[];
}

export interface BuildOptions extends PlanContext {
  readonly generate: GeneratePicture;
  readonly signal: AbortSignal;
  /** Builds these alone, by path; all where it is undefined. */
  readonly only?: ReadonlySet<string> | undefined;
  /** Whether files that this program did not make, or that were changed since, may be replaced. */
  readonly overwrite: boolean;
  readonly onEvent: (event: BuildEvent) => void;
}

/**
 * Makes what is missing or out of date, one asset after the other. Each file appears whole or not at all, and the lock
 * file is written after every asset, so that a build that was interrupted goes on where it was. What fails is reported
 * and the rest is built. Throws `cancelled`, and for what concerns all assets: a damaged lock file, a folder that cannot
 * be written to.
 */
export async function buildAssets(assets: readonly Asset[], options: BuildOptions): Promise<BuildResult> {
  const { folder, signal, onEvent } = options;
  const endTurn = await takeBuildTurn(folder, {
    signal,
    onWait: (processId) => {
      onEvent({ type: "waiting", processId });
    },
  });
  try {
    const lock = new Map(await readLock(folder));
    const plan = await planAssets(assets, lock, options);
    return await buildPlan(plan, { ...options, lock });
  } finally {
    await endTurn();
  }
}

async function buildPlan(plan: Plan, options: BuildOptions & { lock: Map<string, LockEntry> }): Promise<BuildResult> {
  const { signal, only, onEvent, lock } = options;
  const asked = plan.assets.filter(({ asset }) => only?.has(asset.path) ?? true);
  const due = byModel(asked.filter(({ state }) => state !== "up-to-date"));
  onEvent({ type: "planned", total: due.length });
  const [built, failed]: [string[], { path: string; message: string }[]] = [[], []];
  for (const [index, planned] of due.entries()) {
    const { path } = planned.asset;
    throwIfCancelled(signal);
    onEvent({ type: "progress", index, path, fraction: 0 });
    try {
      await buildAsset(planned, {
        ...options,
        onFraction: (fraction) => {
          onEvent({ type: "progress", index, path, fraction });
        },
      });
      built.push(path);
      onEvent({ type: "built", path });
    } catch (error) {
      if (!(error instanceof SanaError) || error.code === "cancelled") throw error;
      failed.push({ path, message: error.message });
      onEvent({ type: "failed", path, message: error.message });
    }
  }
  await forgetDeleted(lock, plan, options.folder);
  const upToDate = asked.filter(({ state }) => state === "up-to-date").map(({ asset }) => asset.path);
  return { built, upToDate, failed, orphans: plan.orphans };
}

/** Assets of one model together, so that it is loaded once. */
function byModel(planned: readonly PlannedAsset[]): PlannedAsset[] {
  const groups = new Map<string | undefined, PlannedAsset[]>();
  for (const one of planned) {
    const model = one.recipe?.model;
    groups.set(model, [...(groups.get(model) ?? []), one]);
  }
  return [...groups.values()].flat();
}

async function buildAsset(
  { asset, state, reason, recipe }: PlannedAsset,
  options: BuildOptions & { lock: Map<string, LockEntry>; onFraction: (fraction: number) => void },
): Promise<void> {
  const { folder, signal, onFraction, lock } = options;
  if (recipe === null) throw new SanaError("invalid-parameter", reasonText(reason));
  if (state === "conflict" && !options.overwrite) {
    throw new SanaError("output-failed", `${reasonText(reason)}; replacing it was not asked for`);
  }
  for (const { path } of asset.files) await prepareAssetFolder(folder, path);
  const targets = asset.files.map(({ path }) => ({ path: locateAsset(folder, path), ifExists: "replace" as const }));
  await checkOutputTargets(targets);

  const { prompt, negativePrompt, seed } = asset;
  const request = { ...recipe.numbers, model: recipe.model, prompt, negativePrompt, seed };
  const { png, modelHash } = await options.generate(request, { signal, onFraction });
  const rendered = await renderFiles(asset, png);
  throwIfCancelled(signal);
  await writeAsset(asset, { ...options, lock, rendered, recipe, modelHash });
}

/**
 * The lock file names the files' hashes before they are written and what they replace, so that whatever a killed build
 * leaves behind is known to be its own.
 */
async function writeAsset(
  asset: Asset,
  made: {
    folder: string;
    lock: Map<string, LockEntry>;
    rendered: Map<string, Uint8Array>;
    recipe: Recipe;
    modelHash: string;
  },
): Promise<void> {
  const { folder, lock, rendered, recipe, modelHash } = made;
  const before = lock.get(asset.path);
  const previous: Record<string, string> = {};
  for (const path of rendered.keys()) {
    await prepareAssetFolder(folder, path);
    const hash = await hashOfFile(folder, path);
    if (hash !== undefined) previous[path] = hash;
  }
  const files = Object.fromEntries([...rendered].map(([path, bytes]) => [path, sha256Of(bytes)]));
  const entry = { parameters: recipe.parametersHash, model: modelHash, files };
  try {
    await writeLock(folder, lock.set(asset.path, { ...entry, previous }));
  } catch (error) {
    // The next asset's lock file must not speak of this one.
    if (before === undefined) lock.delete(asset.path);
    else lock.set(asset.path, before);
    throw error;
  }
  const outputs = [...rendered].map(([path, bytes]) => ({ path: locateAsset(folder, path), bytes }));
  await writeOutputFiles(outputs.map((output) => ({ ...output, ifExists: "replace" })));
  await writeLock(folder, lock.set(asset.path, entry));
}

/** Entries of assets that the manifest no longer holds, once their files are gone. */
async function forgetDeleted(lock: Map<string, LockEntry>, plan: Plan, folder: string): Promise<void> {
  const wanted = new Set(plan.assets.map(({ asset }) => asset.path));
  const orphans = new Set(plan.orphans);
  const gone = [...lock].filter(
    ([path, { files }]) => !wanted.has(path) && !Object.keys(files).some((file) => orphans.has(file)),
  );
  if (gone.length === 0) return;
  for (const [path] of gone) lock.delete(path);
  await writeLock(folder, lock);
}
