import * as vscode from "vscode";
import { registerGenerateImageTool } from "./agents/generate-image-tool";
import { registerAssets } from "./assets/register-assets";
import { registerMcpServer } from "./agents/mcp-provider";
import { PictureGenerator } from "./generation/picture-generator";
import { registerIllustrate } from "./illustrate/register-illustrate";
import { LastPlace } from "./insert/last-place";
import { registerPanel } from "./panel/register-panel";
import { registerPictures } from "./pictures/register-pictures";
import type { BaseServices, Services } from "./services";
import { serveArguments } from "./settings";
import { SidecarClient } from "./sidecar/sidecar-client";
import { registerStatus } from "./status/register-status";
import { registerSidecarCommands } from "./sidecar/sidecar-commands";

let sidecar: SidecarClient | undefined;

/** Called by VS Code on the first command or document that needs the extension. Registers, and does nothing else. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel("Sana", { log: true });
  sidecar = new SidecarClient(context, log, serveArguments);
  const generator = new PictureGenerator(sidecar);
  const lastPlace = new LastPlace();
  context.subscriptions.push(log, sidecar, generator, lastPlace);
  const base: BaseServices = { context, log, sidecar, generator, lastPlace };
  const services: Services = { ...base, panel: registerPanel(base) };
  registerSidecarCommands(services);
  registerIllustrate(services);
  registerPictures(services);
  registerAssets(services);
  registerStatus(services);
  registerGenerateImageTool(services);
  registerMcpServer(services);
}

/** Called by VS Code before the window closes; it waits some seconds for the process to end. */
export async function deactivate(): Promise<void> {
  await sidecar?.stop();
}
