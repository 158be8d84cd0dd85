import * as vscode from "vscode";
import type { AssetsLabels } from "../../sidecar/protocol";

/** What the sidecar, as language server of sana.assets.json, calls things in the language of VS Code. */
export function assetsLabels(): AssetsLabels {
  return {
    generate: vscode.l10n.t("Generate"),
    open: vscode.l10n.t("Open"),
    "up-to-date": vscode.l10n.t("Up to date"),
    missing: vscode.l10n.t("Missing"),
    "out-of-date": vscode.l10n.t("Out of date"),
    conflict: vscode.l10n.t("Not made by Sana"),
    invalid: vscode.l10n.t("Cannot be made"),
    failed: vscode.l10n.t("Failed"),
  };
}
