import * as vscode from "vscode";
import type { Services } from "../services";
import { linkPath } from "./destination";
import { InsertFailure } from "./insert-failure";
import { pictureMarkup } from "./markup";
import { cellOf } from "./notebook-cell";
import { storePicture, type MadePicture, type StoredCopy } from "./store-picture";

/** A place in an open document; a range that is not empty is replaced. */
export interface InsertTarget {
  readonly document: vscode.TextDocument;
  readonly range: vscode.Range;
  /** Whether the picture becomes a paragraph of its own below the lines of the range, which stay as they are. */
  readonly below?: boolean;
}

/** `linked`: the document refers to the picture where it was made, so that must stay. */
export type InsertOutcome = "copied" | "linked" | "not-inserted";

/**
 * Copies a picture into the document's folder for pictures and refers to it, in one undo step, at the target or, where
 * none is given, where the cursor last was. Tells the user what stands in the way.
 */
export async function insertPicture(
  services: Pick<Services, "lastPlace" | "log">,
  picture: MadePicture,
  findTarget: () => Promise<InsertTarget | undefined> = () => services.lastPlace.find(),
): Promise<InsertOutcome> {
  try {
    return await insert(picture, await findTarget());
  } catch (error) {
    services.log.warn(`a picture was not inserted: ${error instanceof Error ? error.name : "unknown error"}`);
    void tellNotInserted(error, picture.picturePath);
    return "not-inserted";
  }
}

async function insert(picture: MadePicture, target: InsertTarget | undefined): Promise<InsertOutcome> {
  if (target === undefined) {
    throw new InsertFailure(
      vscode.l10n.t("Open the document that the picture should go into and put the cursor there."),
    );
  }
  const { document } = target;
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
    const { range, text } = target.below === true ? textBelow(target, link, picture) : textAt(target, link, picture);
    edit.replace(document.uri, range, text);
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
): Promise<InsertOutcome> {
  const copy = await storePicture(picture, base, document);
  await apply(edited(linkPath(base.path, copy.uri.path)), copy);
  return "copied";
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
  { document, range, below }: InsertTarget,
  edited: (link: string) => vscode.WorkspaceEdit,
): Promise<InsertOutcome> {
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
    return "linked";
  }
  if (choice !== save) throw new InsertFailure(vscode.l10n.t("The picture was not inserted."));
  const [start, end] = [document.offsetAt(range.start), document.offsetAt(range.end)];
  const uri = await vscode.workspace.saveAs(document.uri);
  if (uri === undefined) throw new InsertFailure(vscode.l10n.t("The picture was not inserted."));
  const saved = await vscode.workspace.openTextDocument(uri);
  const place = new vscode.Range(saved.positionAt(start), saved.positionAt(end));
  return insert(picture, { document: saved, range: place, below: below ?? false });
}

/** A document whose file system takes no files. */
async function insertVirtual(
  picture: MadePicture,
  edited: (link: string) => vscode.WorkspaceEdit,
): Promise<InsertOutcome> {
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
    return "linked";
  }
  if (choice !== saveAs) throw new InsertFailure(vscode.l10n.t("The picture was not inserted."));
  await savePictureAs(picture);
  return "not-inserted";
}

async function savePictureAs({ picturePath }: MadePicture): Promise<void> {
  const source = vscode.Uri.file(picturePath);
  const target = await vscode.window.showSaveDialog({ filters: { PNG: ["png"] } });
  if (target !== undefined) await vscode.workspace.fs.copy(source, target, { overwrite: true });
}

interface NewText {
  readonly range: vscode.Range;
  readonly text: string;
}

function textAt({ document, range }: InsertTarget, path: string, { prompt }: MadePicture): NewText {
  const valid = document.validateRange(range);
  const before = document.lineAt(valid.start).text.slice(0, valid.start.character);
  const after = document.lineAt(valid.end).text.slice(valid.end.character);
  return { range: valid, text: pictureMarkup(document.languageId, { path, alt: prompt }, { before, after }) };
}

function textBelow({ document, range }: InsertTarget, path: string, { prompt }: MadePicture): NewText {
  const { line } = document.validateRange(range).end;
  const last = document.lineAt(line);
  const markup = pictureMarkup(document.languageId, { path, alt: prompt }, { before: "", after: "" });
  // An empty line is a paragraph's end; one that is there already is not doubled.
  const above = last.isEmptyOrWhitespace
    ? line > 0 && !document.lineAt(line - 1).isEmptyOrWhitespace
      ? "\n"
      : ""
    : "\n\n";
  const isFollowed = line + 1 < document.lineCount && !document.lineAt(line + 1).isEmptyOrWhitespace;
  const end = last.range.end;
  return { range: new vscode.Range(end, end), text: above + markup + (isFollowed ? "\n" : "") };
}

/** Says why a picture did not get where it should; it is safe where it was made, and can be taken from there. */
export async function tellNotInserted(error: unknown, picturePath: string): Promise<void> {
  const line = error instanceof Error ? error.message : String(error);
  const message = error instanceof InsertFailure ? line : vscode.l10n.t("The picture could not be inserted: {0}", line);
  const trust = vscode.l10n.t("Manage Workspace Trust");
  const reveal = vscode.l10n.t("Show the Picture");
  const choices = error instanceof InsertFailure && error.needsTrust ? [trust, reveal] : [reveal];
  const choice = await vscode.window.showErrorMessage(message, ...choices);
  if (choice === trust) await vscode.commands.executeCommand("workbench.trust.manage");
  if (choice === reveal) await vscode.commands.executeCommand("vscode.open", vscode.Uri.file(picturePath));
}
