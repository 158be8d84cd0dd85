import * as vscode from "vscode";
import type { Services } from "../services";

/** "Sana: Restart Sidecar" and "Sana: Show Log". */
export function registerSidecarCommands({ context, log, sidecar }: Services): void {
  context.subscriptions.push(
    vscode.commands.registerCommand("sana.restartSidecar", () => sidecar.restart()),
    vscode.commands.registerCommand("sana.showLog", () => {
      log.show();
    }),
  );
}
