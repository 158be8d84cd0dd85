import { pathToFileURL } from "node:url";
import { MarkupKind, type Hover, type Position } from "vscode-languageserver/node";
import { locateAsset } from "../assets/asset-path";
import type { PlannedAsset } from "../assets/plan";
import { sizeOfFile } from "../assets/plan";
import { reasonText } from "../assets/reason";
import type { AssetsLabels } from "../protocol";
import { plannedOf, rangeIn, type ManifestView } from "./manifest-view";

/** As wide as a hover shows a picture, in pixels. */
const WIDTH = 240;

/** The picture of the asset whose path is at that position, its files and its state. */
export function hoverAt(view: ManifestView, position: Position, labels: AssetsLabels): Hover | null {
  const { document, manifest, folder } = view;
  const offset = document.offsetAt(position);
  const asset = manifest.assets.find(({ pathRange: { start, end } }) => start <= offset && offset <= end);
  const planned = asset && plannedOf(view, asset);
  if (asset === undefined || planned === undefined) return null;
  const { state } = planned;
  const reason = reasonText(planned.reason, labels);
  const picture = state === "up-to-date" || state === "out-of-date" || state === "conflict";
  const lines = [
    ...(picture ? [`![](${imageUrl(locateAsset(folder, asset.path))}|width=${WIDTH})`] : []),
    `**${escapeMarkdown(labels[state])}**${reason === "" ? "" : `: ${escapeMarkdown(reason)}`}`,
    filesOf(planned),
  ];
  return {
    contents: { kind: MarkupKind.Markdown, value: lines.join("\n\n") },
    range: rangeIn(document, asset.pathRange),
  };
}

/** Each file with its size, where the model says which that is. */
function filesOf({ asset, recipe }: PlannedAsset): string {
  const lines = asset.files.map((file) => {
    if (recipe === null) return `- ${escapeMarkdown(file.path)}`;
    const { width, height } = sizeOfFile(file, recipe.numbers);
    return `- ${escapeMarkdown(file.path)} (${width} × ${height})`;
  });
  return lines.join("\n");
}

/** Of a file, without what ends a Markdown link or begins the width behind it. */
function imageUrl(file: string): string {
  return pathToFileURL(file).href.replace(/[()|]/g, (character) => `%${character.charCodeAt(0).toString(16)}`);
}

/** A manifest must not make a hover load or link to anything. */
function escapeMarkdown(text: string): string {
  return text.replace(/[!-/:-@[-`{-~]/g, "\\$&").replaceAll(/\s+/g, " ");
}
