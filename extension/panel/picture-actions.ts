import { existsSync } from "node:fs";
import * as vscode from "vscode";
import { linkPath } from "../insert/destination";
import { insertPicture } from "../insert/insert-picture";
import { pictureMarkup } from "../insert/markup";
import { baseOf } from "../insert/notebook-cell";
import { slug } from "../insert/slug";
import { storePicture, type MadePicture } from "../insert/store-picture";
import type { BaseServices } from "../services";
import type { PictureAction } from "./panel-messages";
import type { StoredPicture } from "./picture-library";

/**
 * Does what the user asked for with one picture. Returns one line about what was done, or null where there is nothing
 * to say or the user thought better of it. Throws what the file system throws.
 */
export async function doPictureAction(
  services: BaseServices,
  action: PictureAction,
  { picture, file }: { picture: StoredPicture; file: vscode.Uri },
): Promise<string | null> {
  const { prompt, seed } = picture.form;
  const made = { picturePath: file.fsPath, prompt, seed };
  switch (action) {
    case "insert":
      return (await insertPicture(services, made)) === "not-inserted" ? null : vscode.l10n.t("Inserted");
    case "copyMarkdown":
      return copyMarkdown(services, made);
    case "saveAs":
      return saveAs(file, prompt);
    case "reveal":
      return reveal(file);
    case "delete":
      return moveToTrash(file);
  }
}

/** The link has to lead to a file that stays: beside the document that was last worked on, else in the workspace. */
async function copyMarkdown({ lastPlace }: BaseServices, made: MadePicture): Promise<string> {
  const place = await lastPlace.find().catch(() => undefined);
  const document = place !== undefined && place.document.uri.scheme !== "untitled" ? place.document : null;
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const base = document === null ? folder && vscode.Uri.joinPath(folder, "document") : baseOf(document);
  const path =
    base === undefined
      ? made.picturePath.replaceAll("\\", "/")
      : linkPath(base.path, (await storePicture(made, base, document)).uri.path);
  await vscode.env.clipboard.writeText(
    pictureMarkup("markdown", { path, alt: made.prompt }, { before: "", after: "" }),
  );
  return vscode.l10n.t("Copied the Markdown for {0}", path);
}

async function saveAs(file: vscode.Uri, prompt: string): Promise<string | null> {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri;
  const target = await vscode.window.showSaveDialog({
    filters: { [vscode.l10n.t("PNG pictures")]: ["png"] },
    ...(folder && { defaultUri: vscode.Uri.joinPath(folder, `${slug(prompt) ?? "picture"}.png`) }),
  });
  if (target === undefined) return null;
  // The dialog has asked already whether an existing file may go.
  await vscode.workspace.fs.copy(file, target, { overwrite: true });
  return vscode.l10n.t("Saved as {0}", vscode.workspace.asRelativePath(target));
}

/** In the desktop's file manager; where there is none (in a browser), in an editor. */
async function reveal(file: vscode.Uri): Promise<null> {
  try {
    await vscode.commands.executeCommand("revealFileInOS", file);
  } catch {
    await vscode.commands.executeCommand("vscode.open", file);
  }
  return null;
}

/** Null where the user kept it. Not every file system has a trash. */
async function moveToTrash(file: vscode.Uri): Promise<string | null> {
  // Where there is no trash, VS Code says that before it looks for the file.
  if (!existsSync(file.fsPath)) return vscode.l10n.t("Deleted");
  try {
    await vscode.workspace.fs.delete(file, { useTrash: true });
    return vscode.l10n.t("Moved to the trash");
  } catch {
    const confirm = vscode.l10n.t("Delete Permanently");
    const message = vscode.l10n.t("There is no trash here. Delete the picture permanently?");
    if ((await vscode.window.showWarningMessage(message, { modal: true }, confirm)) !== confirm) return null;
    await vscode.workspace.fs.delete(file);
    return vscode.l10n.t("Deleted");
  }
}
