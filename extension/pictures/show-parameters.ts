import * as vscode from "vscode";
import type { ImageParameters } from "../../sidecar/protocol";
import type { Services } from "../services";
import { parameterRows } from "./parameter-rows";
import { readParameters } from "./read-parameters";

/** Lists what a picture was made with; what is chosen is copied. */
export async function showParameters(services: Services, file: vscode.Uri): Promise<void> {
  const parameters = await readParameters(services, file);
  if (parameters === null) return;
  const labels = labelsOfParameters();
  const items = parameterRows(parameters).map(({ name, value }) => ({
    label: value,
    description: labels[name] ?? name,
  }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.workspace.asRelativePath(file),
    placeHolder: vscode.l10n.t("Enter copies the value"),
    matchOnDescription: true,
  });
  if (chosen === undefined) return;
  await vscode.env.clipboard.writeText(chosen.label);
  vscode.window.setStatusBarMessage(vscode.l10n.t("Copied: {0}", chosen.description), 3000);
}

function labelsOfParameters(): Partial<Record<keyof ImageParameters, string>> {
  return {
    prompt: vscode.l10n.t("Prompt"),
    negativePrompt: vscode.l10n.t("Negative prompt"),
    seed: vscode.l10n.t("Seed"),
    width: vscode.l10n.t("Width"),
    height: vscode.l10n.t("Height"),
    steps: vscode.l10n.t("Steps"),
    guidanceScale: vscode.l10n.t("Guidance"),
    scheduler: vscode.l10n.t("Scheduler"),
    strength: vscode.l10n.t("Strength"),
    model: vscode.l10n.t("Model"),
    modelHash: vscode.l10n.t("Hash of the model"),
    precision: vscode.l10n.t("Precision"),
    sourceImageSha256: vscode.l10n.t("Hash of the starting image"),
    latentsSha256: vscode.l10n.t("Hash of the starting noise"),
    programVersion: vscode.l10n.t("Version of Sana"),
  };
}
