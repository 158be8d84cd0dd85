import * as vscode from "vscode";
import { linkPath } from "../insert/destination";
import { tellNotInserted } from "../insert/insert-picture";
import { pictureMarkup } from "../insert/markup";
import { baseOf } from "../insert/notebook-cell";
import { storePicture } from "../insert/store-picture";
import type { BaseServices } from "../services";
import { PICTURE_MIME } from "./panel-messages";
import type { PanelSession } from "./panel-session";

export const PICTURE_DROP = vscode.DocumentDropOrPasteEditKind.Empty.append("sana", "picture");

/** A picture that is dragged from the panel into a document: stored where Insert stores it, with the same markup. */
export class PictureDrop implements vscode.DocumentDropEditProvider {
  constructor(
    private readonly services: BaseServices,
    private readonly session: PanelSession,
  ) {}

  async provideDocumentDropEdits(
    document: vscode.TextDocument,
    position: vscode.Position,
    dataTransfer: vscode.DataTransfer,
  ): Promise<vscode.DocumentDropEdit | undefined> {
    const id = await dataTransfer.get(PICTURE_MIME)?.asString();
    const found = id === undefined ? undefined : this.session.find(id);
    if (found === undefined) return undefined;
    const { prompt, seed } = found.picture.form;
    const picturePath = found.file.fsPath;
    try {
      const path = await this.linkFrom(document, { picturePath, prompt, seed });
      const line = document.lineAt(position).text;
      const surroundings = { before: line.slice(0, position.character), after: line.slice(position.character) };
      const text = pictureMarkup(document.languageId, { path, alt: prompt }, surroundings);
      return new vscode.DocumentDropEdit(text, vscode.l10n.t("Insert the picture"), PICTURE_DROP);
    } catch (error) {
      this.services.log.warn(`a picture was not dropped: ${error instanceof Error ? error.name : "unknown error"}`);
      void tellNotInserted(error, picturePath);
      return undefined;
    }
  }

  /** Where nothing can be stored beside the document, the picture stays where it was made. */
  private async linkFrom(
    document: vscode.TextDocument,
    picture: { picturePath: string; prompt: string; seed: string },
  ): Promise<string> {
    const base = baseOf(document);
    if (base.scheme === "untitled" || vscode.workspace.fs.isWritableFileSystem(base.scheme) !== true) {
      return picture.picturePath.replaceAll("\\", "/");
    }
    return linkPath(base.path, (await storePicture(picture, base, document)).uri.path);
  }
}
