import { randomUUID } from "node:crypto";
import * as vscode from "vscode";
import { ProgressType } from "vscode-languageclient/node";
import {
  GenerateRequest,
  PreviewNotification,
  QueueNotification,
  type GenerateParams,
  type GenerateResult,
  type GenerationProgress,
  type Preview,
  type Queue,
} from "../../sidecar/protocol";
import type { SidecarClient } from "../sidecar/sidecar-client";

/** Who asked for a picture hears of it through these. */
export interface PictureListeners {
  onProgress?(progress: GenerationProgress): void;
  onPreview?(preview: Preview): void;
}

/** Makes pictures through the sidecar: every feature of the extension asks here. */
export class PictureGenerator implements vscode.Disposable {
  private readonly queueChanged = new vscode.EventEmitter<Queue>();
  private readonly listeners = new Map<string | number, PictureListeners>();
  private readonly subscriptions: readonly { dispose(): void }[];
  /** Fires whenever a picture joins or leaves the queue, of whichever feature. */
  readonly onDidChangeQueue = this.queueChanged.event;

  constructor(private readonly sidecar: SidecarClient) {
    this.subscriptions = [
      sidecar.onNotification(QueueNotification.method, (queue) => {
        this.queueChanged.fire(queue as Queue);
      }),
      sidecar.onNotification(PreviewNotification.method, (params) => {
        const preview = params as Preview;
        this.listeners.get(preview.token)?.onPreview?.(preview);
      }),
      this.queueChanged,
    ];
  }

  /**
   * Makes one picture and resolves when its file is on the disk. Cancelling the token rejects within the running step;
   * nothing is written then. Rejects like SidecarClient.request.
   */
  async generate(
    params: Omit<GenerateParams, "token">,
    listeners: PictureListeners,
    cancellation: vscode.CancellationToken,
  ): Promise<GenerateResult> {
    const token = randomUUID();
    this.listeners.set(token, listeners);
    const progress = await this.sidecar.onProgress(new ProgressType<GenerationProgress>(), token, (value) => {
      listeners.onProgress?.(value);
    });
    try {
      return await this.sidecar.request<GenerateResult>(GenerateRequest.method, { ...params, token }, cancellation);
    } finally {
      progress.dispose();
      this.listeners.delete(token);
    }
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }
}
