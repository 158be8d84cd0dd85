import * as vscode from "vscode";

/** Lets the user choose what pictures are computed on, for all windows. */
export async function chooseProvider(): Promise<void> {
  const settings = vscode.workspace.getConfiguration("sana");
  const current = settings.get("provider", "auto");
  const items = [
    { label: "auto", detail: vscode.l10n.t("The fastest that works on this machine") },
    { label: "cpu", detail: vscode.l10n.t("The processor") },
    { label: "webgpu", detail: vscode.l10n.t("A graphics card, through WebGPU") },
    { label: "cuda", detail: vscode.l10n.t("An NVIDIA graphics card, through CUDA") },
  ].map((item) => ({ ...item, description: item.label === current ? vscode.l10n.t("chosen") : "" }));
  const title = vscode.l10n.t("What pictures are computed on");
  const chosen = await vscode.window.showQuickPick(items, { title, matchOnDetail: true });
  if (chosen !== undefined) await settings.update("provider", chosen.label, vscode.ConfigurationTarget.Global);
}
