import * as vscode from "vscode";
import type { GenerateParams } from "../sidecar/protocol";
import type { LiveMode } from "./panel/panel-messages";

/** What every picture of the extension is made with unless something else is chosen for it. */
export function pictureSettings(): Pick<GenerateParams, "model" | "provider" | "precision" | "metadata"> {
  const settings = vscode.workspace.getConfiguration("sana");
  const model = settings.get<string>("modelPath", "").trim();
  return {
    model: model === "" ? null : model,
    provider: settings.get<GenerateParams["provider"]>("provider", "auto"),
    precision: settings.get<GenerateParams["precision"]>("precision", "auto"),
    metadata: settings.get<boolean>("embedParameters", true),
  };
}

/**
 * `sana.defaults`: what pictures that are made outside the panel are made with. `model` is the one that is asked for,
 * if one is.
 */
export function pictureDefaults(model: GenerateParams["model"]): Partial<GenerateParams> {
  const defaults = vscode.workspace.getConfiguration("sana").get<Record<string, unknown>>("defaults", {});
  const known = ["width", "height", "steps", "guidanceScale"];
  // The fast model would refuse it, and a default is for whichever picture it fits.
  if ((model ?? pictureSettings().model ?? "fast") !== "fast") known.push("negativePrompt");
  // The sidecar checks the values and names the one that is not allowed.
  return Object.fromEntries(Object.entries(defaults).filter(([name]) => known.includes(name)));
}

/** Folders to look for further checkpoints in, beside the bundled ones. */
export function modelFolders(): readonly string[] {
  const { model } = pictureSettings();
  const folders = vscode.workspace.getConfiguration("sana").get<string[]>("modelFolders", []);
  const isFolder = model != null && model !== "fast" && model !== "quality";
  return [...(isFolder ? [model] : []), ...folders.filter((folder) => folder.trim() !== "")];
}

/** The part of the `serve` command line that settings decide; they count from the next start on. */
export function serveArguments(): readonly string[] {
  const minutes = vscode.workspace.getConfiguration("sana").get<number>("idleMinutes", 10);
  return ["--idle-minutes", String(minutes)];
}

/** `sana.livePreview`: whether a quick picture follows the typing in the panel. */
export function liveMode(): LiveMode {
  const mode = vscode.workspace.getConfiguration("sana").get<string>("livePreview");
  return mode === "on" || mode === "off" ? mode : "auto";
}

export async function setLiveMode(mode: LiveMode): Promise<void> {
  await vscode.workspace.getConfiguration("sana").update("livePreview", mode, vscode.ConfigurationTarget.Global);
}
