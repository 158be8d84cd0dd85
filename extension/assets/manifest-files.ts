import { posix } from "node:path";
import * as vscode from "vscode";
import { MANIFEST_NAME } from "../../sidecar/protocol";
import { isReallyInside } from "../insert/real-folder";

/** A workspace with more has them by a mistake, such as a folder of copies. */
const MAX_MANIFESTS = 100;

export function isManifest(uri: vscode.Uri): boolean {
  return posix.basename(uri.path) === MANIFEST_NAME;
}

/**
 * The manifests that a command is about: `named` where there is one, all of the workspace, or those that the user chooses
 * where there are several. Empty, and the user knows why, where there is none that can be used.
 */
export async function manifestsFor(named: vscode.Uri | undefined): Promise<readonly vscode.Uri[]> {
  const found = named === undefined ? await findManifests() : [named];
  const files = found.filter(({ scheme }) => scheme === "file");
  if (files.length === 0) {
    void vscode.window.showInformationMessage(
      found.length > 0 || isVirtual()
        ? vscode.l10n.t("The pictures of a workspace need files; this workspace is a virtual one.")
        : vscode.l10n.t("There is no {0} in this workspace.", MANIFEST_NAME),
    );
    return [];
  }
  const chosen = files.length === 1 ? files : await choose(files);
  for (const file of chosen) {
    if (await isAllowed(file)) continue;
    void vscode.window.showErrorMessage(
      vscode.l10n.t("As long as the workspace is not trusted, pictures are made inside it only: {0}", file.fsPath),
    );
    return [];
  }
  return chosen;
}

async function findManifests(): Promise<readonly vscode.Uri[]> {
  const active = vscode.window.activeTextEditor?.document.uri;
  const found = await vscode.workspace.findFiles(`**/${MANIFEST_NAME}`, "**/node_modules/**", MAX_MANIFESTS);
  found.sort((one, other) => (one.path < other.path ? -1 : 1));
  if (active === undefined || !isManifest(active)) return found;
  return [active, ...found.filter((uri) => uri.toString() !== active.toString())];
}

function isVirtual(): boolean {
  const folders = vscode.workspace.workspaceFolders ?? [];
  return folders.length > 0 && folders.every(({ uri }) => uri.scheme !== "file");
}

async function choose(files: readonly vscode.Uri[]): Promise<readonly vscode.Uri[]> {
  const all = { label: vscode.l10n.t("All {0} files", files.length), files };
  const items = [all, ...files.map((file) => ({ label: vscode.workspace.asRelativePath(file), files: [file] }))];
  return (await vscode.window.showQuickPick(items, { title: MANIFEST_NAME }))?.files ?? [];
}

/** Without trust, nothing is written outside the workspace, symbolic links followed. */
async function isAllowed(file: vscode.Uri): Promise<boolean> {
  if (vscode.workspace.isTrusted) return true;
  const folder = vscode.workspace.getWorkspaceFolder(file);
  return folder !== undefined && (await isReallyInside(file.fsPath, folder.uri.fsPath));
}
