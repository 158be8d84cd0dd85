import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as vscode from "vscode";
import type { HostTest } from "./host-test";
import { waitUntil } from "./wait-until";

const TEXT = "# A red fox\n";

export const documentTests: readonly HostTest[] = [
  {
    name: "a picture is inserted below a heading, and one undo takes it back",
    run: async () => {
      const document = await open("note.md", TEXT);
      const illustrated = vscode.commands.executeCommand("sana.illustrateSelection");
      // Accepts the prompt that is offered; before there is one, the command does nothing.
      await waitUntil(
        async () => {
          await vscode.commands.executeCommand("workbench.action.acceptSelectedQuickOpenItem");
          return document.getText() !== TEXT;
        },
        "the picture is in the document",
        500,
      );
      await illustrated;
      assert.equal(document.getText(), "# A red fox\n\n![A red fox](a-red-fox.png)\n");
      assertPng(inWorkspace("a-red-fox.png"));
      await vscode.window.showTextDocument(document);
      await vscode.commands.executeCommand("undo");
      assert.equal(document.getText(), TEXT);
    },
  },
  {
    name: "a picture that a document refers to is made where it is expected",
    run: async () => {
      const document = await open("images.md", "![a blue house](img/house.png)\n");
      const range = new vscode.Range(0, 3, 0, 3);
      let actions: vscode.CodeAction[] = [];
      await waitUntil(async () => {
        actions = await vscode.commands.executeCommand<vscode.CodeAction[]>(
          "vscode.executeCodeActionProvider",
          document.uri,
          range,
          vscode.CodeActionKind.QuickFix.value,
        );
        return actions.some(({ command }) => command?.command === "sana.generateMissingImage");
      }, "the quick fix is offered");
      const { command } = actions.find((action) => action.command?.command === "sana.generateMissingImage")!;
      await vscode.commands.executeCommand(command!.command, ...(command!.arguments as unknown[]));
      assertPng(inWorkspace("img", "house.png"));
      assert.equal(document.getText(), "![a blue house](img/house.png)\n");
    },
  },
];

async function open(name: string, text: string): Promise<vscode.TextDocument> {
  const uri = inWorkspace(name);
  await vscode.workspace.fs.writeFile(uri, Buffer.from(text));
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document);
  return document;
}

export function inWorkspace(...parts: readonly string[]): vscode.Uri {
  return vscode.Uri.joinPath(vscode.workspace.workspaceFolders![0]!.uri, ...parts);
}

export function assertPng(file: vscode.Uri): void {
  assert.equal(readFileSync(file.fsPath).toString("latin1", 1, 4), "PNG");
}
