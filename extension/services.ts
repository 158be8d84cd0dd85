import type * as vscode from "vscode";
import type { PictureGenerator } from "./generation/picture-generator";
import type { LastPlace } from "./insert/last-place";
import type { Panel } from "./panel/panel";
import type { SidecarClient } from "./sidecar/sidecar-client";

/** What the features of the extension share. Nothing of it starts a process before the first picture is asked for. */
export interface BaseServices {
  readonly context: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly sidecar: SidecarClient;
  readonly generator: PictureGenerator;
  readonly lastPlace: LastPlace;
}

/** With the panel, which other features open. */
export interface Services extends BaseServices {
  readonly panel: Panel;
}
