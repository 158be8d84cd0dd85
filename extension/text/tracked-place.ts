import * as vscode from "vscode";
import { shiftedSpan, type Span } from "./shifted-span";

/** A place in a document that moves with the text around it, and with the file when it is renamed. */
export class TrackedPlace implements vscode.Disposable {
  private span: Span;
  private current: vscode.Uri;
  private readonly subscription: vscode.Disposable;

  constructor(document: vscode.TextDocument, range: vscode.Range) {
    this.current = document.uri;
    this.span = { start: document.offsetAt(range.start), end: document.offsetAt(range.end) };
    this.subscription = vscode.Disposable.from(
      vscode.workspace.onDidChangeTextDocument(({ document: changed, contentChanges }) => {
        if (changed.uri.toString() !== this.current.toString()) return;
        // The changes of one event are told from the last to the first, each in the text before all of them.
        for (const change of contentChanges) this.span = shiftedSpan(this.span, change);
      }),
      vscode.workspace.onDidRenameFiles(({ files }) => {
        const renamed = files.find(({ oldUri }) => oldUri.toString() === this.current.toString());
        if (renamed !== undefined) this.current = renamed.newUri;
      }),
    );
  }

  get uri(): vscode.Uri {
    return this.current;
  }

  /**
   * The document, opened again where it was closed, and the place in it. Throws where the file is gone; undefined where
   * it never had one.
   */
  async open(): Promise<{ document: vscode.TextDocument; range: vscode.Range } | undefined> {
    const uri = this.current;
    const open = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
    if (open !== undefined) return { document: open, range: this.rangeIn(open) };
    if (uri.scheme === "untitled") return undefined;
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { viewColumn: textColumn(), preserveFocus: true, preview: false });
    return { document, range: this.rangeIn(document) };
  }

  /** Where the place is now, in its document as it is open now. */
  rangeIn(document: vscode.TextDocument): vscode.Range {
    return new vscode.Range(document.positionAt(this.span.start), document.positionAt(this.span.end));
  }

  dispose(): void {
    this.subscription.dispose();
  }
}

/** A group of editors in which a document does not hide what the user looks at, such as the panel. */
function textColumn(): vscode.ViewColumn {
  const { activeTabGroup, all } = vscode.window.tabGroups;
  if (!(activeTabGroup.activeTab?.input instanceof vscode.TabInputWebview)) return vscode.ViewColumn.Active;
  return all.find((group) => group !== activeTabGroup)?.viewColumn ?? vscode.ViewColumn.Beside;
}
