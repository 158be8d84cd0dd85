import { posix } from "node:path";
import { rm } from "node:fs/promises";
import * as vscode from "vscode";
import { tellNotInserted } from "../insert/insert-picture";
import { baseOf } from "../insert/notebook-cell";
import { storePictureAt } from "../insert/store-picture";
import type { Services } from "../services";
import { TrackedPlace } from "../text/tracked-place";
import { makeAtPlace } from "./make-at-place";
import { imagesOf, type ImageReference } from "./missing-image";

/** The picture that the document refers to at that position and that has no file; undefined where there is none. */
export async function missingImageAt(
  document: vscode.TextDocument,
  position: vscode.Position,
): Promise<ImageReference | undefined> {
  const image = imagesOf(document.lineAt(position.line).text).find(
    ({ start, end }) => start <= position.character && position.character <= end,
  );
  if (image === undefined) return undefined;
  const target = targetOf(document, image.path);
  if (target === undefined || vscode.workspace.fs.isWritableFileSystem(target.scheme) !== true) return undefined;
  const isThere = await vscode.workspace.fs.stat(target).then(
    () => true,
    () => false,
  );
  return isThere ? undefined : image;
}

/** Makes that picture, from its alternative text, where the document expects it. */
export async function generateMissingImage(
  services: Services,
  document: vscode.TextDocument,
  line: number,
  { alt, path }: ImageReference,
): Promise<void> {
  const place = new TrackedPlace(document, document.lineAt(line).range);
  try {
    const result = await makeAtPlace(services, place, alt);
    if (result === null) return;
    try {
      await storePictureAt(result.path, baseOf(document), targetOf(document, path)!);
    } catch (error) {
      void tellNotInserted(error, result.path);
      return;
    }
    await rm(result.path, { force: true });
  } finally {
    place.dispose();
  }
}

function targetOf(document: vscode.TextDocument, path: string): vscode.Uri | undefined {
  const base = baseOf(document);
  if (base.scheme === "untitled") return undefined;
  const root = path.startsWith("/") ? vscode.workspace.getWorkspaceFolder(base)?.uri.path : posix.dirname(base.path);
  return root === undefined ? undefined : base.with({ path: posix.join(root, path) });
}
