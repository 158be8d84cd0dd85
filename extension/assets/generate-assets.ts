import { randomUUID } from "node:crypto";
import * as vscode from "vscode";
import {
  BuildAssetsRequest,
  type AssetsProgress,
  type BuildAssetsParams,
  type BuildAssetsResult,
} from "../../sidecar/protocol";
import type { Services } from "../services";
import { pictureSettings } from "../settings";
import { isCancelled } from "../sidecar/sidecar-error";
import { assetsSettings, checkManifests, type CheckedManifest } from "./checked-manifests";
import { manifestErrorText, showProblems, showProblemsLabel } from "./problems";

/** Of all manifests together: how many pictures were made, and what could not be made. */
interface Outcome {
  built: number;
  readonly failures: { readonly manifest: vscode.Uri; readonly message: string }[];
  cancelled: boolean;
}

/** What is to be built of a manifest; `only` names assets, null is all. */
interface Build {
  readonly manifest: vscode.Uri;
  readonly due: number;
  readonly only: string[] | null;
  readonly overwrite: boolean;
}

/**
 * "Sana: Generate Workspace Assets": makes what is missing or out of date, with one progress for all manifests. What
 * fails is told in the end; whoever cancels keeps what is finished.
 */
export async function generateAssets(services: Services, manifests: readonly vscode.Uri[]): Promise<void> {
  const checked = await checkManifests(services, manifests);
  const builds = checked.map(({ manifest, assets }): Build => {
    return { manifest, due: assets.filter(isDue).length, only: null, overwrite: false };
  });
  await buildAll(services, checked, builds);
}

/** "Generate" above an asset. A file that was not made from the manifest is replaced if the user says so. */
export async function generateAsset(services: Services, manifest: vscode.Uri, path: string): Promise<void> {
  const checked = await checkManifests(services, [manifest]);
  const state = checked[0]!.assets.find((asset) => asset.path === path)?.state;
  const isConflict = state === "conflict";
  if (isConflict) {
    const replace = vscode.l10n.t("Replace");
    const message = vscode.l10n.t("{0} was not made from this file, or was changed since. Replace it?", path);
    if ((await vscode.window.showWarningMessage(message, { modal: true }, replace)) !== replace) return;
  }
  const due = state === undefined || state === "up-to-date" ? 0 : 1;
  await buildAll(services, checked, [{ manifest, due, only: [path], overwrite: isConflict }]);
}

function isDue({ state }: CheckedManifest["assets"][number]): boolean {
  return state !== "up-to-date";
}

async function buildAll(
  services: Services,
  checked: readonly CheckedManifest[],
  builds: readonly Build[],
): Promise<void> {
  const failures = checked.flatMap(({ manifest, error }) => (error === null ? [] : [{ manifest, message: error }]));
  const outcome: Outcome = { built: 0, failures, cancelled: false };
  const total = builds.reduce((sum, { due }) => sum + due, 0);
  if (total > 0) {
    if (!(await isWanted(total))) return;
    const title = vscode.l10n.t("Sana: making the pictures of the workspace");
    const location = vscode.ProgressLocation.Notification;
    await vscode.window.withProgress({ location, title, cancellable: true }, (notification, cancellation) =>
      runBuilds(services, { builds, total, outcome, notification, cancellation }),
    );
  }
  await tell(outcome, { total, isUpToDate: total === 0 && failures.length === 0 });
}

/** A file that somebody else wrote may ask for more than this machine should spend on it. */
async function isWanted(total: number): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const generate = vscode.l10n.t("Generate");
  const message = vscode.l10n.t("This workspace is not trusted. Make the {0} pictures that its file asks for?", total);
  return (await vscode.window.showWarningMessage(message, { modal: true }, generate)) === generate;
}

async function runBuilds(
  services: Services,
  run: {
    readonly builds: readonly Build[];
    readonly total: number;
    readonly outcome: Outcome;
    readonly notification: vscode.Progress<{ message: string; increment: number }>;
    readonly cancellation: vscode.CancellationToken;
  },
): Promise<void> {
  const { builds, total, outcome, notification, cancellation } = run;
  let [before, shown] = [0, 0];
  for (const build of builds.filter(({ due }) => due > 0)) {
    let builtSoFar = 0;
    const onProgress = ({ stage, path, index, failed, fraction }: AssetsProgress): void => {
      if (stage === "waiting") {
        notification.report({ message: vscode.l10n.t("Waiting: another window makes them"), increment: 0 });
        return;
      }
      const position = ((before + index + fraction) / total) * 100;
      const message = vscode.l10n.t("{0} of {1}: {2}", before + index + 1, total, path);
      notification.report({ message, increment: Math.max(position - shown, 0) });
      shown = Math.max(position, shown);
      builtSoFar = index - failed;
    };
    try {
      const { built, failed } = await requestBuild(services, build, { onProgress, cancellation });
      outcome.built += built.length;
      const { manifest } = build;
      outcome.failures.push(...failed.map(({ path, message }) => ({ manifest, message: `${path}: ${message}` })));
    } catch (error) {
      outcome.built += builtSoFar;
      if (isCancelled(error)) {
        outcome.cancelled = true;
        return;
      }
      outcome.failures.push({ manifest: build.manifest, message: manifestErrorText(error) });
    }
    before += build.due;
  }
}

function requestBuild(
  { sidecar }: Services,
  { manifest, only, overwrite }: Build,
  listeners: { onProgress: (progress: AssetsProgress) => void; cancellation: vscode.CancellationToken },
): Promise<BuildAssetsResult> {
  const token = randomUUID();
  const { provider, precision, metadata } = pictureSettings();
  const params: BuildAssetsParams = {
    ...assetsSettings(),
    ...{ token, manifest: manifest.fsPath, only, overwrite, provider, precision, metadata },
  };
  const { cancellation, onProgress } = listeners;
  return sidecar.request<BuildAssetsResult, AssetsProgress>(BuildAssetsRequest.method, params, cancellation, {
    token,
    onProgress,
  });
}

async function tell(
  { built, failures, cancelled }: Outcome,
  { total, isUpToDate }: { total: number; isUpToDate: boolean },
): Promise<void> {
  if (cancelled) {
    const message = vscode.l10n.t(
      "Cancelled. {0} of {1} pictures were made; the next run makes the others.",
      built,
      total,
    );
    void vscode.window.showInformationMessage(message);
  } else if (failures[0] !== undefined) {
    const show = showProblemsLabel();
    const { manifest, message: first } = failures[0];
    const message = vscode.l10n.t("Pictures made: {0}, failed: {1}. {2}", built, failures.length, first);
    if ((await vscode.window.showErrorMessage(message, show)) === show) await showProblems(manifest);
  } else {
    const message = isUpToDate
      ? vscode.l10n.t("The pictures are up to date.")
      : vscode.l10n.t("Pictures made: {0}.", built);
    void vscode.window.showInformationMessage(message);
  }
}
