import * as vscode from "vscode";
import { StatusRequest, type StatusResult } from "../../sidecar/protocol";
import { progressText } from "../generation/progress-text";
import type { Services } from "../services";
import { showMenu } from "./menu";
import { statusText, type Activity } from "./status-text";

const MENU = "sana.showMenu";
// After the last change of the queue: what the tooltip says need not be newer.
const STATUS_DELAY_MS = 300;

/** The status bar item, and "Sana: Show Menu" behind it. */
export function registerStatus(services: Services): void {
  const { context, sidecar, generator } = services;
  const item = vscode.window.createStatusBarItem("sana.status", vscode.StatusBarAlignment.Right, 90);
  item.name = "Sana";
  item.command = MENU;
  let activity: Activity = { sidecar: "stopped", queue: null, progress: null };
  let status: StatusResult | null = null;
  let timer: NodeJS.Timeout | undefined;

  const draw = (change: Partial<Activity>): void => {
    activity = { ...activity, ...change };
    item.text = statusText(activity);
    const description = describe(activity, status);
    item.tooltip = description.join("\n");
    item.accessibilityInformation = { label: description.join(", "), role: "button" };
  };
  const ask = async (): Promise<void> => {
    if (!sidecar.isRunning) return;
    status = await sidecar.request<StatusResult>(StatusRequest.method, {}).catch(() => null);
    draw({});
  };
  draw({});
  item.show();

  context.subscriptions.push(
    item,
    sidecar.onDidChangeState((state) => {
      if (state !== "running") status = null;
      // What a process said that is gone does not count.
      draw(state === "running" ? { sidecar: state } : { sidecar: state, queue: null, progress: null });
    }),
    generator.onDidChangeQueue((queue) => {
      draw(queue.state === "idle" ? { queue, progress: null } : { queue });
      clearTimeout(timer);
      timer = setTimeout(() => void ask(), STATUS_DELAY_MS);
    }),
    generator.onDidProgress((progress) => {
      draw({ progress });
    }),
    new vscode.Disposable(() => {
      clearTimeout(timer);
    }),
    vscode.commands.registerCommand(MENU, () => showMenu(services, activity)),
  );
}

/** The tooltip's lines. */
function describe({ sidecar, queue, progress }: Activity, status: StatusResult | null): string[] {
  const lines = [activityLine(sidecar, queue)];
  if (progress !== null) lines.push(progressText(progress));
  const waiting = (queue?.queue.length ?? 0) - 1;
  if (waiting > 0) lines.push(vscode.l10n.t("Pictures that wait: {0}", waiting));
  const model = queue?.model ?? null;
  if (model !== null) lines.push(vscode.l10n.t("Model: {0}", model.name));
  if (status?.provider != null) lines.push(vscode.l10n.t("Computes on: {0} ({1})", status.provider, status.deviceName));
  if (status !== null && status.memory.worker > 0) {
    lines.push(vscode.l10n.t("Memory: {0} GB", ((status.memory.worker + status.memory.server) / 1e9).toFixed(1)));
  }
  return lines;
}

function activityLine(sidecar: Activity["sidecar"], queue: Activity["queue"]): string {
  if (sidecar === "starting") return vscode.l10n.t("Sana: starting");
  switch (queue?.state) {
    case "loading":
      return vscode.l10n.t("Sana: loading the model");
    case "generating":
      return vscode.l10n.t("Sana: making a picture");
    case "idle":
    case undefined:
      return vscode.l10n.t("Sana: ready");
  }
}
