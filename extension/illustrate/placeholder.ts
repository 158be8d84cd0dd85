import * as vscode from "vscode";
import type { TrackedPlace } from "../text/tracked-place";

/** Shows, behind the line below which a picture will go, how far it is; more of it under the mouse pointer. */
export class Placeholder implements vscode.Disposable {
  private readonly type = vscode.window.createTextEditorDecorationType({ isWholeLine: true });
  private readonly subscription: vscode.Disposable;
  private text = "";
  private preview: string | undefined;
  private isOver = false;

  constructor(
    private readonly place: TrackedPlace,
    private readonly prompt: string,
    text: string,
  ) {
    this.subscription = vscode.Disposable.from(
      this.type,
      vscode.window.onDidChangeVisibleTextEditors(() => {
        this.draw();
      }),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        if (document.uri.toString() === place.uri.toString()) this.draw();
      }),
    );
    this.show(text);
  }

  /** `preview` is a PNG in base64. */
  show(text: string, preview = this.preview): void {
    if (this.isOver) return;
    if (text === this.text && preview === this.preview) return;
    this.text = text;
    this.preview = preview;
    this.draw();
  }

  dispose(): void {
    this.isOver = true;
    this.subscription.dispose();
  }

  private draw(): void {
    for (const editor of vscode.window.visibleTextEditors) {
      if (editor.document.uri.toString() !== this.place.uri.toString()) continue;
      const line = editor.document.lineAt(this.place.rangeIn(editor.document).end);
      const after = {
        contentText: `🖼 ${this.text}`,
        color: new vscode.ThemeColor("editorCodeLens.foreground"),
        margin: "0 0 0 2ch",
        fontStyle: "italic",
      };
      editor.setDecorations(this.type, [{ range: line.range, renderOptions: { after }, hoverMessage: this.hover() }]);
    }
  }

  private hover(): vscode.MarkdownString {
    const hover = new vscode.MarkdownString();
    hover.appendText(this.prompt);
    if (this.preview !== undefined) hover.appendMarkdown(`\n\n![](data:image/png;base64,${this.preview})`);
    return hover;
  }
}
