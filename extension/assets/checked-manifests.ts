import { setTimeout as sleep } from "node:timers/promises";
import * as vscode from "vscode";
import { CheckAssetsRequest, type AssetsSettings, type CheckAssetsResult } from "../../sidecar/protocol";
import type { Services } from "../services";
import { pictureSettings } from "../settings";
import { manifestErrorText } from "./problems";

/** How a manifest compares with the disk; where that cannot be told, `error` says why and there are no assets. */
export interface CheckedManifest {
  readonly manifest: vscode.Uri;
  readonly assets: CheckAssetsResult["assets"];
  readonly error: string | null;
}

// Mostly it takes milliseconds; weights that were never hashed take longer, and the user should know and may stop it.
const SLOW_MS = 1000;

/**
 * Compares manifests with the disk; what is not saved is saved first. Whoever stops it finds that as the error of those
 * that were left.
 */
export async function checkManifests(
  services: Services,
  manifests: readonly vscode.Uri[],
): Promise<readonly CheckedManifest[]> {
  const source = new vscode.CancellationTokenSource();
  const checking = Promise.all(manifests.map((manifest) => check(services, manifest, source.token)));
  const isSlow = await Promise.race([checking.then(() => false), sleep(SLOW_MS, true)]);
  if (!isSlow) return checking;
  const title = vscode.l10n.t("Sana: checking the pictures of the workspace");
  const location = vscode.ProgressLocation.Notification;
  return vscode.window.withProgress({ location, title, cancellable: true }, (_, cancellation) => {
    cancellation.onCancellationRequested(() => {
      source.cancel();
    });
    return checking;
  });
}

async function check(
  { sidecar }: Services,
  manifest: vscode.Uri,
  cancellation: vscode.CancellationToken,
): Promise<CheckedManifest> {
  try {
    await save(manifest);
    const params = { manifest: manifest.fsPath, ...assetsSettings() };
    const { assets } = await sidecar.request<CheckAssetsResult>(CheckAssetsRequest.method, params, cancellation);
    return { manifest, assets, error: null };
  } catch (error) {
    return { manifest, assets: [], error: manifestErrorText(error) };
  }
}

/** What the sidecar goes by in all that has to do with assets. */
export function assetsSettings(): AssetsSettings {
  return { trusted: vscode.workspace.isTrusted, model: pictureSettings().model ?? null };
}

async function save(manifest: vscode.Uri): Promise<void> {
  const document = vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === manifest.toString());
  if (document?.isDirty === true) await document.save();
}
