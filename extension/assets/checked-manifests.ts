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

/** Compares manifests with the disk; what is not saved is saved first. */
export async function checkManifests(
  { sidecar }: Services,
  manifests: readonly vscode.Uri[],
): Promise<readonly CheckedManifest[]> {
  const title = vscode.l10n.t("Sana: checking the pictures of the workspace");
  return vscode.window.withProgress({ location: vscode.ProgressLocation.Window, title }, async () => {
    const checked: CheckedManifest[] = [];
    for (const manifest of manifests) {
      try {
        await save(manifest);
        const params = { manifest: manifest.fsPath, ...assetsSettings() };
        const { assets } = await sidecar.request<CheckAssetsResult>(CheckAssetsRequest.method, params);
        checked.push({ manifest, assets, error: null });
      } catch (error) {
        checked.push({ manifest, assets: [], error: manifestErrorText(error) });
      }
    }
    return checked;
  });
}

/** What the sidecar goes by in all that has to do with assets. */
export function assetsSettings(): AssetsSettings {
  return { trusted: vscode.workspace.isTrusted, model: pictureSettings().model ?? null };
}

async function save(manifest: vscode.Uri): Promise<void> {
  const document = vscode.workspace.textDocuments.find(({ uri }) => uri.toString() === manifest.toString());
  if (document?.isDirty === true) await document.save();
}
