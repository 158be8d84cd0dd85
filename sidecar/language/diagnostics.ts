import { DiagnosticSeverity, type Diagnostic } from "vscode-languageserver/node";
import type { AssetState } from "../assets/plan";
import { reasonText } from "../assets/reason";
import type { AssetsLabels } from "../protocol";
import { plannedOf, rangeIn, type ManifestView } from "./manifest-view";

const SOURCE = "sana";

/** What a build takes care of is no error. */
const SEVERITIES: Record<Exclude<AssetState, "up-to-date">, DiagnosticSeverity> = {
  missing: DiagnosticSeverity.Warning,
  "out-of-date": DiagnosticSeverity.Warning,
  conflict: DiagnosticSeverity.Warning,
  invalid: DiagnosticSeverity.Error,
};

/**
 * What is wrong with a manifest and with its pictures, each at its place. What an editor says by itself, because the
 * text is no JSON or is not what the JSON schema asks for, is not said twice.
 */
export function diagnosticsOf(view: ManifestView, labels: AssetsLabels): Diagnostic[] {
  const { document, manifest, obstacle, failures } = view;
  const diagnostics: Diagnostic[] = manifest.issues
    .filter(({ kind }) => kind !== "syntax" && kind !== "schema")
    .map(({ kind, message, range }) => ({
      range: rangeIn(document, range),
      severity: DiagnosticSeverity.Error,
      source: SOURCE,
      code: kind,
      message,
    }));
  if (obstacle !== null) {
    const range = rangeIn(document, { start: 0, end: 1 });
    diagnostics.push({
      range,
      severity: DiagnosticSeverity.Error,
      source: SOURCE,
      code: "lock-file",
      message: obstacle,
    });
  }
  for (const asset of manifest.assets) {
    const planned = plannedOf(view, asset);
    if (planned === undefined || planned.state === "up-to-date") continue;
    const { state, reason } = planned;
    const failure = failures.get(asset.path);
    diagnostics.push({
      range: rangeIn(document, asset.pathRange),
      severity: failure === undefined ? SEVERITIES[state] : DiagnosticSeverity.Error,
      source: SOURCE,
      code: failure === undefined ? state : "failed",
      message:
        failure === undefined ? `${labels[state]}: ${reasonText(reason, labels)}` : `${labels.failed}: ${failure}`,
    });
  }
  return diagnostics;
}
