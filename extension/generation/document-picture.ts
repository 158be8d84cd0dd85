import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import * as vscode from "vscode";
import type { GenerateParams, GenerateResult } from "../../sidecar/protocol";
import type { Services } from "../services";
import { pictureDefaults } from "../settings";
import type { PictureListeners } from "./picture-generator";

/** What is asked for beside the settings; what is not named is the model's own. */
type PictureRequest = Pick<GenerateParams, "prompt"> &
  Partial<Pick<GenerateParams, "model" | "negativePrompt" | "width" | "height" | "steps" | "guidanceScale" | "seed">>;

/**
 * Makes a picture outside the panel, with `sana.defaults`, into the extension's own storage: whoever asked for it copies
 * it to where it belongs. Rejects like PictureGenerator.generate.
 */
export async function makeDocumentPicture(
  { context, generator }: Services,
  request: PictureRequest,
  listeners: PictureListeners,
  cancellation: vscode.CancellationToken,
): Promise<GenerateResult> {
  const folder = vscode.Uri.joinPath(context.storageUri ?? context.globalStorageUri, "document-pictures");
  await mkdir(folder.fsPath, { recursive: true });
  const path = vscode.Uri.joinPath(folder, `${randomUUID()}.png`).fsPath;
  const previews = listeners.onPreview === undefined ? null : { maxSide: PREVIEW_SIDE };
  return generator.generate(
    { ...pictureDefaults(request.model), ...request, previews, output: { path } },
    listeners,
    cancellation,
  );
}

// Shown in a hover.
const PREVIEW_SIDE = 128;
