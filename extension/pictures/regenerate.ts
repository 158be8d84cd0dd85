import { posix } from "node:path";
import * as vscode from "vscode";
import { ModelsRequest, type GenerateParams, type ImageParameters, type ModelsResult } from "../../sidecar/protocol";
import { progressText } from "../generation/progress-text";
import type { Services } from "../services";
import { modelFolders } from "../settings";
import { errorText } from "../sidecar/error-text";
import { isCancelled } from "../sidecar/sidecar-error";
import { readParameters } from "./read-parameters";

/** Makes a picture again from the parameters in it, beside it: with another seed, or the very same one. */
export async function regenerate(services: Services, file: vscode.Uri): Promise<void> {
  const parameters = await readParameters(services, file);
  if (parameters === null) return;
  const another = {
    label: vscode.l10n.t("Another picture"),
    description: vscode.l10n.t("with a new seed"),
    seed: null,
  };
  const same = {
    label: vscode.l10n.t("The same picture"),
    description: vscode.l10n.t("with seed {0}", parameters.seed ?? ""),
    seed: parameters.seed,
  };
  const choices = parameters.seed === null ? [another] : [another, same];
  const chosen = await vscode.window.showQuickPick(choices, { title: posix.basename(file.path) });
  if (chosen === undefined) return;
  try {
    const image = await startImageOf(parameters);
    if (image === undefined) return;
    const model = await modelOf(services, parameters);
    if (model === undefined) return;
    await make(services, file, { ...requestOf(parameters), seed: chosen.seed, image, model });
  } catch (error) {
    if (!isCancelled(error)) void vscode.window.showErrorMessage(errorText(error));
  }
}

/** What the parameters say, without where the computation starts and which model makes it. */
function requestOf(parameters: ImageParameters): Omit<GenerateParams, "token" | "output"> {
  const { prompt, negativePrompt, width, height, steps, guidanceScale, humanInstruction, resolutionBinning } =
    parameters;
  return { prompt, negativePrompt, width, height, steps, guidanceScale, humanInstruction, resolutionBinning };
}

/** The picture holds the hash of the one that it started from, not where that is. Undefined where the user stops. */
async function startImageOf({ sourceImageSha256, strength }: ImageParameters): Promise<GenerateParams["image"]> {
  if (sourceImageSha256 === null) return null;
  const [file] =
    (await vscode.window.showOpenDialog({
      title: vscode.l10n.t("The picture that this one started from"),
      filters: { PNG: ["png"] },
    })) ?? [];
  return file && { path: file.fsPath, strength };
}

/** The model of that name; where there is none the default, if the user wants that. Undefined where not. */
async function modelOf({ sidecar }: Services, parameters: ImageParameters): Promise<string | null | undefined> {
  const params = { folders: modelFolders() };
  const { models } = await sidecar.request<ModelsResult>(ModelsRequest.method, params);
  const found = models.find((model) => "name" in model && model.name === parameters.model);
  if (found !== undefined) return found.folder;
  const proceed = vscode.l10n.t("Use the Default Model");
  const message = vscode.l10n.t('The picture was made with the model "{0}", which is not here.', parameters.model);
  return (await vscode.window.showWarningMessage(message, { modal: true }, proceed)) === proceed ? null : undefined;
}

async function make(
  services: Services,
  file: vscode.Uri,
  params: Omit<GenerateParams, "token" | "output">,
): Promise<void> {
  const title = vscode.l10n.t("Sana: making a picture");
  const location = vscode.ProgressLocation.Notification;
  const result = await vscode.window.withProgress(
    { location, title, cancellable: true },
    (notification, cancellation) => {
      let done = 0;
      return services.generator.generate(
        { ...params, output: { path: file.fsPath, ifExists: "number" } },
        {
          onProgress: (progress) => {
            notification.report({ message: progressText(progress), increment: (progress.fraction - done) * 100 });
            done = progress.fraction;
          },
        },
        cancellation,
      );
    },
  );
  await vscode.commands.executeCommand("vscode.open", vscode.Uri.file(result.path));
}
