import * as vscode from "vscode";
import type { GenerationProgress } from "../../sidecar/protocol";

/** Where a picture is, in a few words for who waits for it. */
export function progressText({ stage, step, total, secondsLeft }: GenerationProgress): string {
  switch (stage) {
    case "queued":
      return vscode.l10n.t("Waiting for {0} pictures", step);
    case "load":
      return vscode.l10n.t("Loading the model");
    case "read-prompt":
      return vscode.l10n.t("Reading the prompt");
    case "read-image":
      return vscode.l10n.t("Reading the picture");
    case "steps": {
      if (secondsLeft === null) return vscode.l10n.t("Step {0} of {1}", step, total);
      return vscode.l10n.t("Step {0} of {1}, {2} s left", step, total, Math.max(1, Math.round(secondsLeft)));
    }
    case "decode":
      return vscode.l10n.t("Developing the picture");
    case "save":
      return vscode.l10n.t("Saving");
  }
}
