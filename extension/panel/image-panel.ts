import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import { HostMessage, PageMessage, parseMessage, type Form } from "./panel-messages";
import type { Panel } from "./panel";
import { panelHtml } from "./panel-html";
import type { PanelSession } from "./panel-session";

const VIEW_TYPE = "sana.panel";

/** The one webview of the window. Its page comes and goes (hidden, closed, reloaded); the session stays. */
export class ImagePanel implements Panel, vscode.WebviewPanelSerializer, vscode.Disposable {
  private panel: vscode.WebviewPanel | undefined;
  private readonly subscription: vscode.Disposable;

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly log: vscode.LogOutputChannel,
    private readonly session: PanelSession,
  ) {
    this.subscription = vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, this);
  }

  open(edit: Partial<Form> = {}): void {
    if (this.panel === undefined) {
      const options = { viewColumn: vscode.ViewColumn.Beside, preserveFocus: false };
      // Nothing is open: there is nothing to be beside of.
      if (vscode.window.tabGroups.activeTabGroup.activeTab === undefined) options.viewColumn = vscode.ViewColumn.Active;
      this.show(vscode.window.createWebviewPanel(VIEW_TYPE, vscode.l10n.t("Sana: Images"), options));
    } else {
      this.panel.reveal(undefined, false);
    }
    this.session.edit(edit);
  }

  /** Called by VS Code after a reload of the window. The page remembers its form by itself. */
  // eslint-disable-next-line @typescript-eslint/require-await -- the interface wants a promise
  async deserializeWebviewPanel(panel: vscode.WebviewPanel): Promise<void> {
    if (this.panel === undefined) this.show(panel);
    else panel.dispose();
  }

  dispose(): void {
    this.subscription.dispose();
  }

  private show(panel: vscode.WebviewPanel): void {
    this.panel = panel;
    const { webview } = panel;
    const distribution = vscode.Uri.joinPath(this.extensionUri, "dist");
    const pictures = vscode.Uri.file(this.session.folder);
    webview.options = { enableScripts: true, localResourceRoots: [distribution, pictures] };
    panel.iconPath = vscode.Uri.joinPath(this.extensionUri, "media", "panel.svg");
    webview.onDidReceiveMessage((raw: unknown) => {
      const message = parseMessage(PageMessage, raw);
      if (message === null) this.log.warn("a message from the panel's page was not understood and is ignored");
      else void this.session.handle(message);
    });
    this.session.attach({
      post: (message: HostMessage) => {
        void webview.postMessage(message);
      },
      srcOf: (path) => webview.asWebviewUri(vscode.Uri.file(path)).toString(),
    });
    panel.onDidDispose(() => {
      this.panel = undefined;
      this.session.detach();
    });
    const address = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(distribution, name)).toString();
    webview.html = panelHtml({
      cspSource: webview.cspSource,
      nonce: randomBytes(16).toString("base64"),
      scriptSrc: address("webview.js"),
      styleSrc: address("webview.css"),
      language: vscode.env.language,
      title: panel.title,
      texts: vscode.l10n.bundle ?? {},
    });
  }
}
