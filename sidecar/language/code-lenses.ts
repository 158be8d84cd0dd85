import type { CodeLens } from "vscode-languageserver/node";
import { ASSET_COMMANDS, type AssetsLabels } from "../protocol";
import { plannedOf, rangeIn, type ManifestView } from "./manifest-view";

/** Above each asset: "Generate" unless it is up to date, "Open" unless a file is missing. */
export function codeLensesOf(view: ManifestView, labels: AssetsLabels): CodeLens[] {
  const { document, manifest } = view;
  return manifest.assets.flatMap((asset) => {
    const range = rangeIn(document, asset.range);
    const lens = (name: keyof typeof ASSET_COMMANDS): CodeLens => ({
      range,
      command: { title: labels[name], command: ASSET_COMMANDS[name], arguments: [document.uri, asset.path] },
    });
    switch (plannedOf(view, asset)?.state) {
      case "up-to-date":
        return [lens("open")];
      case "out-of-date":
      case "conflict":
        return [lens("generate"), lens("open")];
      case "missing":
      case "invalid":
      case undefined:
        return [lens("generate")];
    }
  });
}
