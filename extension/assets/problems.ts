import * as vscode from "vscode";
import { errorText } from "../sidecar/error-text";
import { isCancelled, SidecarError } from "../sidecar/sidecar-error";

/** What went wrong with a manifest. The sidecar's sentence for a bad file is about pictures; its line names the place. */
export function manifestErrorText(error: unknown): string {
  if (error instanceof SidecarError && error.code === "invalid-input-file") return error.message;
  return isCancelled(error) ? vscode.l10n.t("Cancelled.") : errorText(error);
}

/** The action that opens a manifest and the Problems view. */
export function showProblemsLabel(): string {
  return vscode.l10n.t("Show Problems");
}

export async function showProblems(manifest: vscode.Uri): Promise<void> {
  // An editor finds out more about a file that is open.
  await vscode.window.showTextDocument(manifest, { preview: false });
  await vscode.commands.executeCommand("workbench.actions.view.problems");
}
