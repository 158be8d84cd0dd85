import * as vscode from "vscode";
import type { Services } from "../services";
import { checkManifests } from "./checked-manifests";
import { generateAssets } from "./generate-assets";
import { showProblems, showProblemsLabel } from "./problems";

/** "Sana: Check Workspace Assets": says how much is not up to date; the Problems view says what. */
export async function checkAssets(services: Services, manifests: readonly vscode.Uri[]): Promise<void> {
  const checked = await checkManifests(services, manifests);
  const show = showProblemsLabel();
  const faulty = checked.find(({ error }) => error !== null);
  if (faulty !== undefined) {
    const choice = await vscode.window.showErrorMessage(faulty.error!, show);
    if (choice === show) await showProblems(faulty.manifest);
    return;
  }
  const stale = checked.filter(({ assets }) => assets.some(({ state }) => state !== "up-to-date"));
  const assets = checked.flatMap((one) => one.assets);
  if (stale[0] === undefined) {
    void vscode.window.showInformationMessage(vscode.l10n.t("All {0} pictures are up to date.", assets.length));
    return;
  }
  const count = assets.filter(({ state }) => state !== "up-to-date").length;
  const generate = vscode.l10n.t("Generate");
  const message = vscode.l10n.t("{0} of {1} pictures are not up to date.", count, assets.length);
  const choice = await vscode.window.showWarningMessage(message, generate, show);
  if (choice === show) await showProblems(stale[0].manifest);
  if (choice === generate) {
    const manifestsToBuild = stale.map(({ manifest }) => manifest);
    await generateAssets(services, manifestsToBuild);
  }
}
