import type * as vscode from "vscode";
import type { PictureGenerator } from "./generation/picture-generator";
import type { LastPlace } from "./insert/last-place";
import type { SidecarClient } from "./sidecar/sidecar-client";

/** What the features of the extension share. Nothing of it starts a process before the first picture is asked for. */
export interface Services {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly sidecar: SidecarClient;
  readonly generator: PictureGenerator;
  readonly lastPlace: LastPlace;
}
