import { posix } from "node:path";
import * as vscode from "vscode";
import type { Services } from "../services";
import { regenerate } from "./regenerate";
import { showParameters } from "./show-parameters";

/** "Show Parameters", "Use as Starting Image" and "Regenerate" for a PNG of the explorer or of the picture viewer. */
export function registerPictures(services: Services): void {
  const register = (command: string, run: (file: vscode.Uri) => unknown): vscode.Disposable =>
    vscode.commands.registerCommand(command, (file?: vscode.Uri) => {
      const picture = file ?? viewedPicture();
      if (picture !== undefined) return run(picture);
      return vscode.window.showInformationMessage(vscode.l10n.t("Open or select a PNG picture first."));
    });
  services.context.subscriptions.push(
    register("sana.showParameters", (file) => showParameters(services, file)),
    register("sana.useAsStartImage", (file) => {
      services.panel.open({ startImage: { path: file.fsPath, name: posix.basename(file.path), strength: null } });
    }),
    register("sana.regenerate", (file) => regenerate(services, file)),
  );
}

function viewedPicture(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const isPng = input instanceof vscode.TabInputCustom && /\.png$/i.test(input.uri.path);
  return isPng && input.uri.scheme === "file" ? input.uri : undefined;
}
