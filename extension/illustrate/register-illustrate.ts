import * as vscode from "vscode";
import type { Services } from "../services";
import { PROSE_LANGUAGES } from "../insert/markup";
import { illustrate } from "./illustrate";
import { isProse } from "./illustration";
import { generateMissingImage, missingImageAt } from "./missing-image-fix";
import type { ImageReference } from "./missing-image";

const ILLUSTRATE = "sana.illustrateSelection";
const GENERATE_MISSING = "sana.generateMissingImage";
const ILLUSTRATE_KIND = vscode.CodeActionKind.RefactorRewrite.append("illustrate");

/** "Sana: Illustrate Selection" and, at the light bulb, the same and "Generate this image" for a missing file. */
export function registerIllustrate(services: Services): void {
  services.context.subscriptions.push(
    vscode.commands.registerCommand(ILLUSTRATE, async (document?: vscode.TextDocument, range?: vscode.Range) => {
      if (document !== undefined && range !== undefined) return illustrate(services, document, range);
      const editor = vscode.window.activeTextEditor;
      if (editor !== undefined) return illustrate(services, editor.document, editor.selection);
      void vscode.window.showInformationMessage(vscode.l10n.t("Open the document that you want to illustrate."));
    }),
    vscode.commands.registerCommand(
      GENERATE_MISSING,
      (document: vscode.TextDocument, line: number, image: ImageReference) =>
        generateMissingImage(services, document, line, image),
    ),
    vscode.languages.registerCodeActionsProvider(
      PROSE_LANGUAGES.map((language) => ({ language })),
      { provideCodeActions: illustrateAction },
      { providedCodeActionKinds: [ILLUSTRATE_KIND] },
    ),
    vscode.languages.registerCodeActionsProvider(
      [{ language: "markdown" }, { language: "mdx" }, { language: "html" }],
      { provideCodeActions: missingImageAction },
      { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
    ),
  );
}

function illustrateAction(document: vscode.TextDocument, range: vscode.Range): vscode.CodeAction[] {
  const lines = document.getText().split(/\r\n|\r|\n/);
  if (!isProse(document.languageId, lines, range.end.line)) return [];
  const title = vscode.l10n.t("Illustrate with Sana");
  const action = new vscode.CodeAction(title, ILLUSTRATE_KIND);
  action.command = { command: ILLUSTRATE, title, arguments: [document, range] };
  return [action];
}

async function missingImageAction(document: vscode.TextDocument, range: vscode.Range): Promise<vscode.CodeAction[]> {
  const image = await missingImageAt(document, range.start);
  if (image === undefined) return [];
  const title = vscode.l10n.t("Generate this image with Sana");
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  action.isPreferred = true;
  action.command = { command: GENERATE_MISSING, title, arguments: [document, range.start.line, image] };
  return [action];
}
