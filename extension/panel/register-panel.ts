import * as vscode from "vscode";
import type { BaseServices } from "../services";
import { ImagePanel } from "./image-panel";
import type { Panel } from "./panel";
import { PanelSession } from "./panel-session";

/** "Sana: Generate Image", and the panel's return after a reload of the window. */
export function registerPanel(services: BaseServices): Panel {
  const { context, log } = services;
  const panel = new ImagePanel(context.extensionUri, log, new PanelSession(services));
  context.subscriptions.push(
    panel,
    // The walkthrough passes a prompt.
    vscode.commands.registerCommand("sana.generateImage", (prompt?: unknown) => {
      panel.open(typeof prompt === "string" ? { prompt } : {});
    }),
  );
  return panel;
}
