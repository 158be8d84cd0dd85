import * as vscode from "vscode";
import { ModelsRequest, type ModelsResult } from "../../sidecar/protocol";
import type { Services } from "../services";
import { modelFolders, pictureSettings } from "../settings";
import { errorText } from "../sidecar/error-text";
import { isUsualModel } from "./usual-model";

type Model = ModelsResult["models"][number];

interface ModelItem extends vscode.QuickPickItem {
  /** Undefined for "browse". */
  readonly model?: Model;
}

/** Lets the user choose the model that pictures are made with, for all windows. */
export async function chooseModel(services: Services): Promise<void> {
  try {
    const models = await listModels(services, modelFolders());
    const current = pictureSettings().model;
    const browse = { label: `$(folder-opened) ${vscode.l10n.t("Browse for a Folder…")}` };
    const chosen = await vscode.window.showQuickPick<ModelItem>(
      [...models.map((model) => itemOf(model, current ?? null)), browse],
      { title: vscode.l10n.t("The model that pictures are made with"), matchOnDetail: true },
    );
    if (chosen === undefined) return;
    await use(chosen.model ?? (await browseForModel(services)));
  } catch (error) {
    void vscode.window.showErrorMessage(errorText(error));
  }
}

async function listModels({ sidecar }: Services, folders: readonly string[]): Promise<Model[]> {
  const { models } = await sidecar.request<ModelsResult>(ModelsRequest.method, { folders });
  return models;
}

function itemOf(model: Model, current: string | null): ModelItem {
  if ("error" in model) return { label: `$(error) ${model.folder}`, detail: model.error.message, model };
  const size = `${(model.bytes / 1e9).toFixed(1)} GB`;
  return {
    label: `$(package) ${nameOf(model)}`,
    description: isUsualModel(model, current) ? `${size}, ${vscode.l10n.t("chosen")}` : size,
    detail: model.bundled !== null ? vscode.l10n.t("Comes with the extension") : model.folder,
    model,
  };
}

function nameOf({ bundled, name, defaults: { steps } }: Exclude<Model, { error: unknown }>): string {
  if (bundled === null) return name;
  return bundled === "fast" ? vscode.l10n.t("Fast ({0} steps)", steps) : vscode.l10n.t("Quality ({0} steps)", steps);
}

async function browseForModel(services: Services): Promise<Model | undefined> {
  const [folder] =
    (await vscode.window.showOpenDialog({
      canSelectFiles: false,
      canSelectFolders: true,
      openLabel: vscode.l10n.t("Use This Model"),
    })) ?? [];
  if (folder === undefined) return undefined;
  const models = await listModels(services, [folder.fsPath]);
  const found = models.find((model) => model.folder === folder.fsPath);
  if (found === undefined) throw new Error(vscode.l10n.t("There is no model in {0}", folder.fsPath));
  return found;
}

async function use(model: Model | undefined): Promise<void> {
  if (model === undefined) return;
  if ("error" in model) throw new Error(model.error.message);
  const name = model.bundled ?? model.folder;
  const setting = name === "fast" ? undefined : name;
  await vscode.workspace.getConfiguration("sana").update("modelPath", setting, vscode.ConfigurationTarget.Global);
}
