import { rm } from "node:fs/promises";
import * as vscode from "vscode";
import { insertPicture } from "../insert/insert-picture";
import type { Services } from "../services";
import { TrackedPlace } from "../text/tracked-place";
import { illustrationOf } from "./illustration";
import { makeAtPlace } from "./make-at-place";

/**
 * "Sana: Illustrate Selection": the selection or the section becomes a prompt, which the user can edit; the picture goes
 * below it, wherever that is by then.
 */
export async function illustrate(
  services: Services,
  document: vscode.TextDocument,
  selection: vscode.Range,
): Promise<void> {
  const { prompt, line } = illustrationOf(document.languageId, document.getText().split(/\r\n|\r|\n/), {
    startLine: selection.start.line,
    endLine: selection.end.line,
    text: document.getText(selection),
  });
  const end = document.lineAt(line).range.end;
  const place = new TrackedPlace(document, new vscode.Range(end, end));
  try {
    const edited = await vscode.window.showInputBox({
      title: vscode.l10n.t("Sana: Illustrate"),
      prompt: vscode.l10n.t("What the picture should show. Enter makes it, Escape does not."),
      value: prompt,
      ignoreFocusOut: true,
      validateInput: (value) => (value.trim() === "" ? vscode.l10n.t("Describe a picture.") : null),
    });
    if (edited === undefined) return;
    const result = await makeAtPlace(services, place, edited);
    if (result === null) return;
    const picture = { picturePath: result.path, prompt: edited, seed: result.seed };
    const outcome = await insertPicture(services, picture, async () => {
      const opened = await place.open();
      return opened && { ...opened, below: true };
    });
    if (outcome === "copied") await rm(result.path, { force: true });
  } finally {
    place.dispose();
  }
}
