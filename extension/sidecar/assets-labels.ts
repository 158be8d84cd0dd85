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
    reasons: {
      "does-not-exist": vscode.l10n.t("{0} does not exist"),
      "do-not-exist": vscode.l10n.t("{0} do not exist"),
      interrupted: vscode.l10n.t("the last build of it was interrupted, or it was another asset's"),
      "other-parameters": vscode.l10n.t("it was made with other parameters"),
      "other-model": vscode.l10n.t("it was made with another model"),
      "not-from-manifest": vscode.l10n.t("{0} exists, but was not made from this manifest"),
      changed: vscode.l10n.t("{0} was changed since it was made"),
    },
  };
}
