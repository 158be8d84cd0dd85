import * as vscode from "vscode";
import { UnloadRequest, type UnloadResult } from "../../sidecar/protocol";
import { chooseModel } from "../models/choose-model";
import { chooseProvider } from "../models/choose-provider";
import type { Services } from "../services";
import { errorText } from "../sidecar/error-text";
import type { Activity } from "./status-text";

interface MenuItem extends vscode.QuickPickItem {
  readonly run: () => unknown;
}

/** What can be done from the status bar; what would do nothing now is left out. */
export async function showMenu(services: Services, { queue }: Activity): Promise<void> {
  const { generator } = services;
  const command = (name: string) => () => vscode.commands.executeCommand(name);
  const item = (label: string, run: () => unknown, description = ""): MenuItem => ({ label, run, description });
  const items = [item(`$(sparkle) ${vscode.l10n.t("Generate Image")}`, command("sana.generateImage"))];
  if (generator.pendingCount > 0) {
    const cancel = (): void => {
      generator.cancelAll();
    };
    items.push(item(`$(circle-slash) ${vscode.l10n.t("Cancel")}`, cancel, String(generator.pendingCount)));
  }
  const model = queue?.model ?? null;
  if (model !== null && queue?.state === "idle") {
    items.push(item(`$(eject) ${vscode.l10n.t("Unload Model")}`, () => unload(services), model.name));
  }
  items.push(
    item(`$(package) ${vscode.l10n.t("Choose Model…")}`, () => chooseModel(services)),
    item(`$(chip) ${vscode.l10n.t("Choose Provider…")}`, chooseProvider, providerName()),
    item(`$(gear) ${vscode.l10n.t("Settings")}`, () =>
      vscode.commands.executeCommand("workbench.action.openSettings", "@ext:sana-vscode.sana"),
    ),
    item(`$(debug-restart) ${vscode.l10n.t("Restart Sidecar")}`, command("sana.restartSidecar")),
    item(`$(output) ${vscode.l10n.t("Show Log")}`, command("sana.showLog")),
  );
  const chosen = await vscode.window.showQuickPick(items, { title: "Sana" });
  await chosen?.run();
}

function providerName(): string {
  return vscode.workspace.getConfiguration("sana").get("provider", "auto");
}

async function unload({ sidecar }: Services): Promise<void> {
  try {
    const { outcome } = await sidecar.request<UnloadResult>(UnloadRequest.method, {});
    const busy = vscode.l10n.t("The model stays: pictures are being made.");
    if (outcome === "busy") void vscode.window.showInformationMessage(busy);
  } catch (error) {
    void vscode.window.showErrorMessage(errorText(error));
  }
}
