import * as vscode from "vscode";
import { SidecarError } from "./sidecar-error";

/** What went wrong, for the user: a sentence in the language of VS Code, then the line of whoever found the problem. */
export function errorText(error: unknown): string {
  const line = error instanceof Error ? error.message : String(error);
  const sentence = error instanceof SidecarError ? sentenceOf(error) : "";
  return sentence === "" ? line : `${sentence} (${line})`;
}

function sentenceOf({ code, memory }: SidecarError): string {
  switch (code) {
    case "invalid-parameter":
      return vscode.l10n.t("Sana cannot make a picture from these settings.");
    case "invalid-checkpoint":
    case "invalid-weights":
      return vscode.l10n.t("This model cannot be used.");
    case "invalid-input-file":
      return vscode.l10n.t("The file cannot be used as a picture.");
    case "output-failed":
      return vscode.l10n.t("The picture could not be saved.");
    case "unsupported":
      return vscode.l10n.t("This is not available on this machine.");
    case "non-finite":
      return vscode.l10n.t("The computation went wrong.");
    case "insufficient-memory":
      if (memory === undefined) return vscode.l10n.t("There is not enough free memory for this picture.");
      return vscode.l10n.t(
        "This picture needs {0} GB of memory, {1} GB are free. Choose a smaller size or free some memory.",
        gigabytes(memory.neededBytes),
        gigabytes(memory.freeBytes),
      );
    case "worker-ended":
      return vscode.l10n.t("The process that makes pictures ended; perhaps the memory was not enough. Try again.");
    case "protocol-version":
      return vscode.l10n.t("The extension was updated. Reload the window.");
    case "cancelled":
      return vscode.l10n.t("Cancelled.");
    case "sidecar-ended":
      return vscode.l10n.t("Sana's sidecar ended before the picture was ready. Try again.");
    case "sidecar-not-started":
      return vscode.l10n.t("Sana's sidecar could not be started. The log says more.");
    case "internal-error":
      return vscode.l10n.t("Something went wrong in Sana. The log says more.");
  }
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(1);
}
