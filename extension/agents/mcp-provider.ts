import { join } from "node:path";
import * as vscode from "vscode";
import type { Services } from "../services";
import { pictureSettings, serveArguments } from "../settings";

const PROVIDER = "sana.mcp";

/** The picture tool as an MCP server that VS Code starts when an agent wants it, in the first workspace folder. */
export function registerMcpServer({ context }: Services): void {
  const changed = new vscode.EventEmitter<void>();
  context.subscriptions.push(
    changed,
    vscode.workspace.onDidChangeWorkspaceFolders(() => {
      changed.fire();
    }),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("sana")) changed.fire();
    }),
    vscode.lm.registerMcpServerDefinitionProvider(PROVIDER, {
      onDidChangeMcpServerDefinitions: changed.event,
      provideMcpServerDefinitions: () => {
        const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file");
        return folder === undefined ? [] : [mcpServer(context, folder.uri)];
      },
    }),
  );
}

/** On the Node that VS Code itself runs on; in a desktop VS Code that is Electron. */
function mcpServer(context: vscode.ExtensionContext, folder: vscode.Uri): vscode.McpStdioServerDefinition {
  const { model, provider, precision } = pictureSettings();
  const script = join(context.extensionPath, "dist", "sana.cjs");
  const computation = [
    ...(model == null ? [] : ["--model", model]),
    "--provider",
    provider!,
    "--precision",
    precision!,
  ];
  const args = [script, "mcp", "--folder", folder.fsPath, ...serveArguments(), ...computation];
  const environment = { ELECTRON_RUN_AS_NODE: "1", ELECTRON_NO_ASAR: "1" };
  const { version } = context.extension.packageJSON as { version: string };
  return new vscode.McpStdioServerDefinition("Sana", process.execPath, args, environment, version);
}
