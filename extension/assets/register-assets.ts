import * as vscode from "vscode";
import { ASSET_COMMANDS, AssetsSettingsNotification } from "../../sidecar/protocol";
import type { Services } from "../services";
import { checkAssets } from "./check-assets";
import { assetsSettings } from "./checked-manifests";
import { generateAsset, generateAssets } from "./generate-assets";
import { isManifest, manifestsFor } from "./manifest-files";

/**
 * The pictures of a workspace: the commands, and the sidecar as language server of sana.assets.json, which it is for as
 * long as it runs. Opening such a file starts it.
 */
export function registerAssets(services: Services): void {
  const { context, log, sidecar } = services;
  const tellSettings = (): void => {
    sidecar.notify(AssetsSettingsNotification.method, assetsSettings());
  };
  const start = ({ uri }: vscode.TextDocument): void => {
    if (!isManifest(uri) || uri.scheme !== "file") return;
    sidecar.start().catch((error: unknown) => {
      log.error(`there is no help with ${uri.path}: ${String(error)}`);
    });
  };
  context.subscriptions.push(
    vscode.commands.registerCommand("sana.generateAssets", async (manifest?: vscode.Uri) => {
      const manifests = await manifestsFor(manifest);
      if (manifests.length > 0) await generateAssets(services, manifests);
    }),
    vscode.commands.registerCommand("sana.checkAssets", async (manifest?: vscode.Uri) => {
      const manifests = await manifestsFor(manifest);
      if (manifests.length > 0) await checkAssets(services, manifests);
    }),
    vscode.commands.registerCommand(ASSET_COMMANDS.generate, async (uri: string, path: string) => {
      const [manifest] = await manifestsFor(vscode.Uri.parse(uri));
      if (manifest !== undefined) await generateAsset(services, manifest, path);
    }),
    vscode.commands.registerCommand(ASSET_COMMANDS.open, (uri: string, path: string) =>
      vscode.commands.executeCommand("vscode.open", vscode.Uri.joinPath(vscode.Uri.parse(uri), "..", path)),
    ),
    sidecar.onDidChangeState((state) => {
      if (state === "running") tellSettings();
    }),
    vscode.workspace.onDidGrantWorkspaceTrust(tellSettings),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("sana.modelPath")) tellSettings();
    }),
    vscode.workspace.onDidOpenTextDocument(start),
  );
  vscode.workspace.textDocuments.forEach(start);
}
