import * as vscode from "vscode";
import { InspectImageRequest, type ImageParameters, type InspectImageResult } from "../../sidecar/protocol";
import type { Services } from "../services";
import { errorText } from "../sidecar/error-text";

/** What a picture was made with; null, and the user knows why, where it does not say. */
export async function readParameters({ sidecar }: Services, file: vscode.Uri): Promise<ImageParameters | null> {
  try {
    const params = { path: file.fsPath };
    const { parameters } = await sidecar.request<InspectImageResult>(InspectImageRequest.method, params);
    if (parameters === null) {
      const name = vscode.workspace.asRelativePath(file);
      void vscode.window.showInformationMessage(
        vscode.l10n.t("{0} does not say how it was made; not with Sana.", name),
      );
    }
    return parameters;
  } catch (error) {
    void vscode.window.showErrorMessage(errorText(error));
    return null;
  }
}
