import * as vscode from "vscode";
import { PictureGenerator } from "./generation/picture-generator";
import type { Services } from "./services";
import { SidecarClient } from "./sidecar/sidecar-client";
import { registerSidecarCommands } from "./sidecar/sidecar-commands";

/** Called by VS Code on the first command or document that needs the extension. Registers, and does nothing else. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Sana", { log: true });
  const sidecar = new SidecarClient(context, log);
  const generator = new PictureGenerator(sidecar);
  context.subscriptions.push(log, sidecar, generator);
  const services: Services = { context, log, sidecar, generator };
  registerSidecarCommands(services);
}
