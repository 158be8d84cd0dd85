import * as vscode from "vscode";

/** The cell of an open notebook that the document is the text of; undefined for every other document. */
export function cellOf(document: vscode.TextDocument): vscode.NotebookCell | undefined {
  if (document.uri.scheme !== "vscode-notebook-cell") return undefined;
  for (const notebook of vscode.workspace.notebookDocuments) {
    const cell = notebook.getCells().find((candidate) => candidate.document === document);
    if (cell !== undefined) return cell;
  }
  return undefined;
}

/** What paths in a document start from: its own URI, or its notebook's. */
export function baseOf(document: vscode.TextDocument): vscode.Uri {
  return cellOf(document)?.notebook.uri ?? document.uri;
}
