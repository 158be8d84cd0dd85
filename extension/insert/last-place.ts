import * as vscode from "vscode";
import { TrackedPlace } from "../text/tracked-place";

/**
 * Where the user last had the cursor in a document: when the panel has the focus, no editor is active any more. Follows
 * changes of the document, also while it is hidden.
 */
export class LastPlace implements vscode.Disposable {
  private place: TrackedPlace | undefined;
  private readonly subscription: vscode.Disposable;

  constructor() {
    this.remember(vscode.window.activeTextEditor ?? vscode.window.visibleTextEditors[0]);
    this.subscription = vscode.Disposable.from(
      vscode.window.onDidChangeActiveTextEditor((editor) => {
        this.remember(editor);
      }),
      vscode.window.onDidChangeTextEditorSelection(({ textEditor }) => {
        this.remember(textEditor);
      }),
    );
  }

  /** The document and the selection in it; undefined where there was none. Throws where the file is gone. */
  async find(): Promise<{ document: vscode.TextDocument; range: vscode.Range } | undefined> {
    return this.place?.open();
  }

  dispose(): void {
    this.subscription.dispose();
    this.place?.dispose();
  }

  private remember(editor: vscode.TextEditor | undefined): void {
    if (editor === undefined || !isDocument(editor)) return;
    this.place?.dispose();
    this.place = new TrackedPlace(editor.document, editor.selection);
  }
}

/** Not the log, a console or a commit message: those are no place for pictures. */
function isDocument({ viewColumn, document }: vscode.TextEditor): boolean {
  if (["output", "debug", "comment", "vscode-scm"].includes(document.uri.scheme)) return false;
  return viewColumn !== undefined || document.uri.scheme === "vscode-notebook-cell";
}
