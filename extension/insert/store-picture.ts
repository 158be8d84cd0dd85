import { constants } from "node:fs";
import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { dirname, posix } from "node:path";
import * as vscode from "vscode";
import { destinationOf, isInside } from "./destination";
import { fileNameFrom, numberedName } from "./file-name";
import { InsertFailure } from "./insert-failure";
import { isReallyInside } from "./real-folder";

/** A picture as the sidecar made it. */
export interface MadePicture {
  /** Absolute path of the PNG. */
  readonly picturePath: string;
  readonly prompt: string;
  readonly seed: string;
}

/** A copy of a picture beside a document. */
export interface StoredCopy {
  readonly uri: vscode.Uri;
  /** Removes the file again, unless it was there before. */
  undo(): Promise<void>;
}

// More pictures of one name than this are a mistake.
const MAX_NUMBER = 10_000;

/**
 * Copies a picture to where the settings want the pictures of a document: `base` is its URI or that of the notebook
 * that it is a cell of; without a document, as if there were one of that URI. A file that is there already keeps its name; the same picture is not stored twice. Throws an
 * InsertFailure where the folder is not allowed, and what the file system says.
 */
export async function storePicture(
  picture: MadePicture,
  base: vscode.Uri,
  document: vscode.TextDocument | null,
): Promise<StoredCopy> {
  const settings = vscode.workspace.getConfiguration("sana", base);
  const template = settings.get("fileName", "${prompt}");
  const documentName = posix.parse(base.path).name;
  const name = fileNameFrom(template, { ...picture, documentName, date: new Date() });
  const content = await readPicture(picture.picturePath);
  for (let number = 1; number <= MAX_NUMBER; number += 1) {
    const target = await destination(base, document, numberedName(name, number));
    if (await sameContent(target, content)) return { uri: target, undo: () => Promise.resolve() };
    if (await writeNew(target, picture.picturePath, content)) {
      return { uri: target, undo: async () => vscode.workspace.fs.delete(target) };
    }
  }
  throw new InsertFailure(vscode.l10n.t('There are too many pictures named "{0}".', name));
}

/**
 * Copies a picture to a path beside or below `base`, where there is no file yet. Throws an InsertFailure where the path
 * is not allowed or taken, and what the file system says.
 */
export async function storePictureAt(picturePath: string, base: vscode.Uri, target: vscode.Uri): Promise<void> {
  await allowed(target, base, false);
  if (await writeNew(target, picturePath, await readPicture(picturePath))) return;
  throw new InsertFailure(vscode.l10n.t("{0} exists already.", vscode.workspace.asRelativePath(target)));
}

async function destination(
  base: vscode.Uri,
  document: vscode.TextDocument | null,
  fileName: string,
): Promise<vscode.Uri> {
  const workspaceFolder = vscode.workspace.getWorkspaceFolder(base);
  const outputFolder = setting<string>("sana", "outputFolder", base, "");
  const isMarkdown = document?.languageId === "markdown";
  const copyFiles = setting<Record<string, string>>("markdown", "copyFiles.destination", base, {});
  const path = destinationOf({
    documentPath: base.path,
    workspacePath: workspaceFolder?.uri.path ?? null,
    fileName,
    outputFolder: outputFolder.value,
    copyFilesDestination: isMarkdown ? copyFiles.value : {},
    matches: (pattern) => document !== null && vscode.languages.match({ pattern }, document) > 0,
  });
  const target = base.with({ path });
  const byUser = outputFolder.value === "" ? copyFiles.byUser : outputFolder.byUser;
  await allowed(target, base, byUser);
  return target;
}

/** Pictures stay in the workspace, or beside a document that is in none; the user's own settings may lead elsewhere. */
async function allowed(target: vscode.Uri, base: vscode.Uri, byUser: boolean): Promise<void> {
  const { isTrusted, workspaceFolders = [] } = vscode.workspace;
  const folders = workspaceFolders.map(({ uri }) => uri).filter((uri) => sameSystem(uri, target));
  if (isTrusted) folders.push(base.with({ path: posix.dirname(base.path) }));
  for (const folder of folders) {
    if (!isInside(target.path, folder.path)) continue;
    // A trusted workspace may hold links to elsewhere.
    if (isTrusted || target.scheme !== "file" || (await isReallyInside(target.fsPath, folder.fsPath))) return;
  }
  if (!isTrusted) {
    throw new InsertFailure(
      vscode.l10n.t(
        "As long as the workspace is not trusted, pictures are saved inside it only; this would be {0}.",
        target.fsPath,
      ),
      true,
    );
  }
  if (byUser) return;
  throw new InsertFailure(
    vscode.l10n.t(
      "The workspace's settings lead outside the workspace: {0}. Only your user settings may do that.",
      target.fsPath,
    ),
  );
}

/** A setting's value, and whether it is the user's own. Without trust the workspace's values do not count. */
function setting<Value>(
  section: string,
  name: string,
  scope: vscode.Uri,
  none: Value,
): { value: Value; byUser: boolean } {
  const configuration = vscode.workspace.getConfiguration(section, scope);
  const { globalValue, workspaceValue, workspaceFolderValue } = configuration.inspect<Value>(name) ?? {};
  if (!vscode.workspace.isTrusted) return { value: globalValue ?? none, byUser: true };
  const byUser = workspaceValue === undefined && workspaceFolderValue === undefined;
  return { value: configuration.get(name, none), byUser };
}

async function readPicture(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch {
    throw new InsertFailure(vscode.l10n.t("The picture's file is not there any more: {0}", path));
  }
}

async function sameContent(target: vscode.Uri, content: Buffer): Promise<boolean> {
  try {
    const { size } = await vscode.workspace.fs.stat(target);
    return size === content.length && content.equals(await vscode.workspace.fs.readFile(target));
  } catch {
    return false;
  }
}

/** Writes a file that must not exist yet; false where it does. A copy that fails leaves nothing behind. */
async function writeNew(target: vscode.Uri, source: string, content: Buffer): Promise<boolean> {
  if (target.scheme === "file") return copyNew(source, target.fsPath);
  if (await exists(target)) return false;
  await vscode.workspace.fs.writeFile(target, content);
  return true;
}

async function copyNew(source: string, target: string): Promise<boolean> {
  await mkdir(dirname(target), { recursive: true });
  try {
    await copyFile(source, target, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    await rm(target, { force: true }).catch(() => undefined);
    throw error;
  }
}

async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}

function sameSystem(one: vscode.Uri, other: vscode.Uri): boolean {
  return one.scheme === other.scheme && one.authority === other.authority;
}
