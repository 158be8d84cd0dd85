import * as vscode from "vscode";
import type { Services } from "../services";
import { linkPath } from "./destination";
import { InsertFailure } from "./insert-failure";
import { pictureMarkup } from "./markup";
import { storePicture, type MadePicture, type StoredCopy } from "./store-picture";

/** A place in an open document; a range that is not empty is replaced. */
export interface InsertTarget {
  readonly document: vscode.TextDocument;
  readonly range: vscode.Range;
}

/**
 * Copies a picture into the document's folder for pictures and refers to it, in one undo step, at the target or, where
 * none is given, where the cursor last was. Tells the user what stands in the way; resolves to whether it is done.
 */
export async function insertPicture(services: Services, picture: MadePicture, target?: InsertTarget): Promise<boolean> {
  try {
    return await insert(picture, target ?? (await services.lastPlace.find()));
  } catch (error) {
    services.log.warn(`a picture was not inserted: ${error instanceof Error ? error.name : "unknown error"}`);
    await tell(error, picture);
    return false;
  }
}

async function insert(picture: MadePicture, target: InsertTarget | undefined): Promise<boolean> {
  if (target === undefined) {
    throw new InsertFailure(
      vscode.l10n.t("Open the document that the picture should go into and put the cursor there."),
    );
  }
  const { document, range } = target;
  const cell = cellOf(document);
  // A picture of a code cell goes into a Markdown cell below it.
  if (cell?.kind === vscode.NotebookCellKind.Code) {
    return withCopy(picture, document, cell.notebook.uri, (link) => {
      const text = pictureMarkup("markdown", { path: link, alt: picture.prompt }, { before: "", after: "" });
      const added = new vscode.NotebookCellData(vscode.NotebookCellKind.Markup, text, "markdown");
      const edit = new vscode.WorkspaceEdit();
      edit.set(cell.notebook.uri, [vscode.NotebookEdit.insertCells(cell.index + 1, [added])]);
      return edit;
    });
  }
  const base = cell?.notebook.uri ?? document.uri;
  const edited = (link: string): vscode.WorkspaceEdit => {
    const edit = new vscode.WorkspaceEdit();
    const valid = document.validateRange(range);
    edit.replace(document.uri, valid, markupAt(document, valid, link, picture.prompt));
    return edit;
  };
  if (base.scheme === "untitled") return insertUntitled(picture, target, edited);
  if (vscode.workspace.fs.isWritableFileSystem(base.scheme) !== true) return insertVirtual(picture, edited);
  return withCopy(picture, document, base, edited);
}

async function withCopy(
  picture: MadePicture,
  document: vscode.TextDocument,
  base: vscode.Uri,
  edited: (link: string) => vscode.WorkspaceEdit,
): Promise<boolean> {
  const copy = await storePicture(picture, document, base);
  await apply(edited(linkPath(base.path, copy.uri.path)), copy);
  return true;
}

/** Nothing stays behind of a picture whose document cannot be written to. */
async function apply(edit: vscode.WorkspaceEdit, copy?: StoredCopy): Promise<void> {
  if (await vscode.workspace.applyEdit(edit)) return;
  await copy?.undo();
  throw new InsertFailure(vscode.l10n.t("The document cannot be changed."));
}

/** A document without a file has no folder that a path could start from. */
async function insertUntitled(
  picture: MadePicture,
  { document, range }: InsertTarget,
  edited: (link: string) => vscode.WorkspaceEdit,
): Promise<boolean> {
  const save = vscode.l10n.t("Save the Document");
  const absolute = vscode.l10n.t("Insert with Its Full Path");
  const choice = await vscode.window.showInformationMessage(
    vscode.l10n.t("The document has no file yet, so a picture has no place beside it."),
    { modal: true, detail: vscode.l10n.t("With its full path the picture is found on this machine only.") },
    save,
    absolute,
  );
  if (choice === absolute) {
    await apply(edited(picture.picturePath.replaceAll("\\", "/")));
    return true;
  }
  if (choice !== save) return false;
  const [start, end] = [document.offsetAt(range.start), document.offsetAt(range.end)];
  const uri = await vscode.workspace.saveAs(document.uri);
  if (uri === undefined) return false;
  const saved = await vscode.workspace.openTextDocument(uri);
  return insert(picture, { document: saved, range: new vscode.Range(saved.positionAt(start), saved.positionAt(end)) });
}

/** A document whose file system takes no files. */
async function insertVirtual(picture: MadePicture, edited: (link: string) => vscode.WorkspaceEdit): Promise<boolean> {
  const saveAs = vscode.l10n.t("Save the Picture As…");
  const absolute = vscode.l10n.t("Insert with Its Full Path");
  const choice = await vscode.window.showInformationMessage(
    vscode.l10n.t("Nothing can be saved beside this document."),
    { modal: true, detail: vscode.l10n.t("With its full path the picture is found on this machine only.") },
    saveAs,
    absolute,
  );
  if (choice === absolute) {
    await apply(edited(picture.picturePath.replaceAll("\\", "/")));
    return true;
  }
  if (choice === saveAs) await savePictureAs(picture);
  return false;
}

async function savePictureAs({ picturePath }: MadePicture): Promise<void> {
  const source = vscode.Uri.file(picturePath);
  const target = await vscode.window.showSaveDialog({ filters: { PNG: ["png"] } });
  if (target !== undefined) await vscode.workspace.fs.copy(source, target, { overwrite: true });
}

function markupAt(document: vscode.TextDocument, range: vscode.Range, link: string, prompt: string): string {
  const before = document.lineAt(range.start).text.slice(0, range.start.character);
  const after = document.lineAt(range.end).text.slice(range.end.character);
  return pictureMarkup(document.languageId, { path: link, alt: prompt }, { before, after });
}

function cellOf(document: vscode.TextDocument): vscode.NotebookCell | undefined {
  if (document.uri.scheme !== "vscode-notebook-cell") return undefined;
  for (const notebook of vscode.workspace.notebookDocuments) {
    const cell = notebook.getCells().find((candidate) => candidate.document === document);
    if (cell !== undefined) return cell;
  }
  return undefined;
}

/** The picture itself is safe where it was made: the user can take it from there. */
async function tell(error: unknown, { picturePath }: MadePicture): Promise<void> {
  const line = error instanceof Error ? error.message : String(error);
  const message = error instanceof InsertFailure ? line : vscode.l10n.t("The picture could not be inserted: {0}", line);
  const trust = vscode.l10n.t("Manage Workspace Trust");
  const reveal = vscode.l10n.t("Show the Picture");
  const choices = error instanceof InsertFailure && error.needsTrust ? [trust, reveal] : [reveal];
  const choice = await vscode.window.showErrorMessage(message, ...choices);
  if (choice === trust) await vscode.commands.executeCommand("workbench.trust.manage");
  if (choice === reveal) await vscode.commands.executeCommand("vscode.open", vscode.Uri.file(picturePath));
}
