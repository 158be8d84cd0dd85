import * as vscode from "vscode";
import type { GenerateResult } from "../../sidecar/protocol";
import { makeDocumentPicture } from "../generation/document-picture";
import { progressText } from "../generation/progress-text";
import type { Services } from "../services";
import { errorText } from "../sidecar/error-text";
import { isCancelled } from "../sidecar/sidecar-error";
import type { TrackedPlace } from "../text/tracked-place";
import { Placeholder } from "./placeholder";

/**
 * Makes a picture while a placeholder stands where it will go and a notification can cancel it. Tells the user what goes
 * wrong; null where there is no picture in the end.
 */
export async function makeAtPlace(
  services: Services,
  place: TrackedPlace,
  prompt: string,
): Promise<GenerateResult | null> {
  const placeholder = new Placeholder(place, prompt, vscode.l10n.t("Making a picture"));
  const location = vscode.ProgressLocation.Notification;
  try {
    return await vscode.window.withProgress(
      { location, title: vscode.l10n.t("Sana: making a picture"), cancellable: true },
      async (notification, cancellation) => {
        // The running step is not waited for: for the user it is over.
        cancellation.onCancellationRequested(() => {
          placeholder.dispose();
        });
        let done = 0;
        return await makeDocumentPicture(
          services,
          { prompt },
          {
            onProgress: (progress) => {
              const text = progressText(progress);
              placeholder.show(text);
              notification.report({ message: text, increment: (progress.fraction - done) * 100 });
              done = progress.fraction;
            },
            onPreview: ({ step, total, png }) => {
              placeholder.show(vscode.l10n.t("Step {0} of {1}", step, total), png);
            },
          },
          cancellation,
        );
      },
    );
  } catch (error) {
    if (!isCancelled(error)) void vscode.window.showErrorMessage(errorText(error));
    return null;
  } finally {
    placeholder.dispose();
  }
}
