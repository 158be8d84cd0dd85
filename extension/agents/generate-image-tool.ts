import { readFile, rm } from "node:fs/promises";
import { posix } from "node:path";
import * as vscode from "vscode";
import { pictureLink } from "../../sidecar/agents/picture-link";
import { parseToolInput, type ToolInput } from "../../sidecar/agents/tool-input";
import { makeDocumentPicture } from "../generation/document-picture";
import { linkPath } from "../insert/destination";
import { numberedName } from "../insert/file-name";
import { storePicture, storePictureAt } from "../insert/store-picture";
import type { Services } from "../services";

const TOOL = "sana_generateImage";

/** The language model tool that makes pictures for agents and saves them in the workspace. */
export function registerGenerateImageTool(services: Services): void {
  services.context.subscriptions.push(
    vscode.lm.registerTool<unknown>(TOOL, {
      prepareInvocation: ({ input }) => prepare(parseToolInput(input)),
      invoke: ({ input }, token) => invoke(services, parseToolInput(input), token),
    }),
  );
}

function prepare({ prompt, count, width, height, path }: ToolInput): vscode.PreparedToolInvocation {
  const message = new vscode.MarkdownString();
  message.appendText(
    count === 1
      ? vscode.l10n.t("Make a picture on this machine and save it in the workspace?")
      : vscode.l10n.t("Make {0} pictures on this machine and save them in the workspace?", count),
  );
  message.appendCodeblock(prompt, "text");
  if (width !== undefined && height !== undefined) message.appendText(`${width} × ${height}\n\n`);
  if (path !== undefined) message.appendText(path);
  return {
    invocationMessage: vscode.l10n.t("Making a picture"),
    confirmationMessages: { title: vscode.l10n.t("Generate Image"), message },
  };
}

async function invoke(
  services: Services,
  { count, seed, path, ...request }: ToolInput,
  token: vscode.CancellationToken,
): Promise<vscode.LanguageModelToolResult> {
  const folder = vscode.workspace.workspaceFolders?.[0];
  if (folder === undefined) throw new Error("There is no workspace folder to save the picture in.");
  const parts: (vscode.LanguageModelTextPart | vscode.LanguageModelDataPart)[] = [];
  for (let number = 1; number <= count; number += 1) {
    const numbered = seed === undefined ? {} : { seed: String(seed + number - 1) };
    const result = await makeDocumentPicture(services, { ...request, ...numbered }, {}, token);
    const picture = { picturePath: result.path, prompt: request.prompt, seed: result.seed };
    const file = await save(folder, picture, path, number);
    const link = linkPath(inFolder(folder).path, file.path);
    const { width, height, steps } = result;
    const markdown = pictureLink(link, request.prompt);
    const text = { path: file.fsPath, markdown, seed: result.seed, width, height, steps };
    parts.push(
      new vscode.LanguageModelTextPart(JSON.stringify(text)),
      vscode.LanguageModelDataPart.image(await readFile(result.path), "image/png"),
    );
    await rm(result.path, { force: true });
  }
  return new vscode.LanguageModelToolResult(parts);
}

/** Where the agent wants it or, without a wish, where the settings want pictures. */
async function save(
  folder: vscode.WorkspaceFolder,
  picture: { picturePath: string; prompt: string; seed: string },
  path: string | undefined,
  number: number,
): Promise<vscode.Uri> {
  const base = inFolder(folder);
  if (path === undefined) return (await storePicture(picture, base, null)).uri;
  const { dir, name } = posix.parse(path);
  const file = vscode.Uri.joinPath(folder.uri, dir, numberedName(name, number));
  await storePictureAt(picture.picturePath, base, file);
  return file;
}

/** What paths are relative to: as if a document lay in the workspace folder. */
function inFolder(folder: vscode.WorkspaceFolder): vscode.Uri {
  return vscode.Uri.joinPath(folder.uri, "picture");
}
