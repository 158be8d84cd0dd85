import * as vscode from "vscode";
import type { Services } from "../services";
import { errorText } from "./error-text";

/** "Sana: Restart Sidecar" and "Sana: Show Log". */
export function registerSidecarCommands({ context, log, sidecar }: Services): void {
  context.subscriptions.push(
    vscode.commands.registerCommand("sana.restartSidecar", async () => {
      try {
        await sidecar.restart();
        vscode.window.setStatusBarMessage(vscode.l10n.t("Sana's sidecar runs."), 5000);
      } catch (error) {
        void vscode.window.showErrorMessage(errorText(error));
      }
    }),
    vscode.commands.registerCommand("sana.showLog", () => {
      log.show();
    }),
  );
}
