import * as vscode from "vscode";
import type { BaseServices } from "../services";
import { ImagePanel } from "./image-panel";
import type { Panel } from "./panel";
import { PICTURE_MIME } from "./panel-messages";
import { PanelSession } from "./panel-session";
import { PICTURE_DROP, PictureDrop } from "./picture-drop";

/** "Sana: Generate Image", and the panel's return after a reload of the window. */
export function registerPanel(services: BaseServices): Panel {
  const { context, log } = services;
  const session = new PanelSession(services);
  const panel = new ImagePanel(context.extensionUri, log, session);
  context.subscriptions.push(
    panel,
    vscode.languages.registerDocumentDropEditProvider({ scheme: "*" }, new PictureDrop(services, session), {
      dropMimeTypes: [PICTURE_MIME],
      providedDropEditKinds: [PICTURE_DROP],
    }),
    // The walkthrough passes a prompt.
    vscode.commands.registerCommand("sana.generateImage", (prompt?: unknown) => {
      panel.open(typeof prompt === "string" ? { prompt } : {});
    }),
  );
  return panel;
}
