import * as vscode from "vscode";
import { PROMPT_STYLES } from "./prompt-styles";

/** The styles as the user chooses them, in the language of the user interface. */
export function styleLabels(): { id: string; label: string }[] {
  const labels: Record<string, string> = {
    flat: vscode.l10n.t("Flat vector"),
    "3d": vscode.l10n.t("3D render"),
    cartoon: vscode.l10n.t("Cartoon"),
    outline: vscode.l10n.t("Outlined cartoon"),
    blob: vscode.l10n.t("Round retro emoji"),
    icon: vscode.l10n.t("Icon"),
    lineicon: vscode.l10n.t("Line icon"),
    pixel: vscode.l10n.t("Pixel art"),
    sticker: vscode.l10n.t("Sticker"),
    silhouette: vscode.l10n.t("Silhouette"),
    blueprint: vscode.l10n.t("Blueprint"),
    sketch: vscode.l10n.t("Pencil sketch"),
  };
  return PROMPT_STYLES.map(({ id, english }) => ({ id, label: labels[id] ?? english }));
}
