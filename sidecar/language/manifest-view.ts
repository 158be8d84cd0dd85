import type { TextDocument } from "vscode-languageserver-textdocument";
import type { Asset, Manifest, TextRange } from "../assets/manifest";
import type { Plan, PlannedAsset } from "../assets/plan";

/** What is known of one sana.assets.json: its text, what it says, and how that compares with what lies on the disk. */
export interface ManifestView {
  readonly document: TextDocument;
  /** Of the document when it was read; the document itself changes with the text in the editor. */
  readonly version: number;
  /** Absolute path of the manifest's folder. */
  readonly folder: string;
  readonly manifest: Manifest;
  /** Null until it is known. */
  readonly plan: Plan | null;
  /** Why no plan can be made, such as a damaged lock file; null where nothing is wrong. */
  readonly obstacle: string | null;
  /** What the last build could not make, and why, by the asset's path. */
  readonly failures: ReadonlyMap<string, string>;
}

export function rangeIn(document: TextDocument, { start, end }: TextRange) {
  return { start: document.positionAt(start), end: document.positionAt(end) };
}

/** What is planned for an asset; undefined while that is not known. */
export function plannedOf({ plan }: ManifestView, { path }: Asset): PlannedAsset | undefined {
  return plan?.assets.find(({ asset }) => asset.path === path);
}
