import { resolve } from "node:path";
import type * as v from "valibot";
import { buildAssets } from "../assets/build";
import { assetGenerator } from "../assets/generate-picture";
import { readLock } from "../assets/lock-file";
import { readManifest } from "../assets/manifest";
import { planAssets } from "../assets/plan";
import { reasonText } from "../assets/reason";
import type {
  AssetsProgress,
  BuildAssetsRequest,
  BuildAssetsResult,
  CheckAssetsRequest,
  CheckAssetsResult,
} from "../protocol";
import type { Workshop } from "../server/workshop";
import type { ManifestLanguage } from "./manifest-language";

/** Answers `sana/checkAssets`. */
export async function checkAssets(
  params: v.InferOutput<(typeof CheckAssetsRequest)["params"]>,
  signal: AbortSignal,
  language: ManifestLanguage,
): Promise<CheckAssetsResult> {
  const file = resolve(params.manifest);
  const { assets } = await readManifest(file);
  const context = language.contextOf(file, params, signal);
  const plan = await planAssets(assets, await readLock(context.folder), context);
  await language.report(file, new Map());
  return {
    assets: plan.assets.map(({ asset, state, reason }) => ({ path: asset.path, state, reason: reasonText(reason) })),
    orphans: [...plan.orphans],
  };
}

const NOTHING_DONE = { path: "", index: 0, total: 0, failed: 0, fraction: 0 };

/** Answers `sana/buildAssets`. */
export async function buildManifest(
  params: Omit<v.InferOutput<(typeof BuildAssetsRequest)["params"]>, "token">,
  server: {
    language: ManifestLanguage;
    workshop: Workshop;
    signal: AbortSignal;
    onProgress: (progress: AssetsProgress) => void;
  },
): Promise<BuildAssetsResult> {
  const { language, workshop, signal, onProgress } = server;
  const { provider, precision, metadata, overwrite } = params;
  const file = resolve(params.manifest);
  const { assets } = await readManifest(file);
  const failures = new Map<string, string>();
  let total = 0;
  try {
    const { built, upToDate, failed, orphans } = await buildAssets(assets, {
      ...language.contextOf(file, params, signal),
      generate: assetGenerator(workshop, { provider, precision, metadata }),
      signal,
      only: params.only === null ? undefined : new Set(params.only),
      overwrite,
      onEvent: (event) => {
        if (event.type === "waiting") onProgress({ ...NOTHING_DONE, stage: "waiting" });
        if (event.type === "planned") ({ total } = event);
        if (event.type === "failed") failures.set(event.path, event.message);
        if (event.type !== "progress") return;
        const { path, index, fraction } = event;
        onProgress({ stage: "building", path, index, total, failed: failures.size, fraction });
      },
    });
    return { built: [...built], upToDate: [...upToDate], failed: [...failed], orphans: [...orphans] };
  } finally {
    await language.report(file, failures);
  }
}
