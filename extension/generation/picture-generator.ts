import { randomUUID } from "node:crypto";
import * as vscode from "vscode";
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
import { pictureSettings } from "../settings";
import type { SidecarClient } from "../sidecar/sidecar-client";

/** Who asked for a picture hears of it through these. */
export interface PictureListeners {
  onProgress?(progress: GenerationProgress): void;
  onPreview?(preview: Preview): void;
}

/** Makes pictures through the sidecar: every feature of the extension asks here. */
export class PictureGenerator implements vscode.Disposable {
  private readonly queueChanged = new vscode.EventEmitter<Queue>();
  private readonly progressed = new vscode.EventEmitter<GenerationProgress>();
  private readonly pending = new Map<
    string | number,
    { listeners: PictureListeners; source: vscode.CancellationTokenSource }
  >();
  private readonly subscriptions: readonly { dispose(): void }[];
  /** Fires whenever a picture joins or leaves the queue, of whichever feature. */
  readonly onDidChangeQueue = this.queueChanged.event;
  /** Fires with the progress of the picture that is being made, of whichever feature. */
  readonly onDidProgress = this.progressed.event;

  constructor(private readonly sidecar: SidecarClient) {
    this.subscriptions = [
      sidecar.onNotification(QueueNotification.method, (queue) => {
        this.queueChanged.fire(queue as Queue);
      }),
      sidecar.onNotification(PreviewNotification.method, (params) => {
        const preview = params as Preview;
        this.pending.get(preview.token)?.listeners.onPreview?.(preview);
      }),
      this.queueChanged,
      this.progressed,
    ];
  }

  /** How many pictures this window waits for. */
  get pendingCount(): number {
    return this.pending.size;
  }

  /**
   * Makes one picture, with the settings' model, provider and precision where none is named, and resolves when its file is on the disk. Cancelling the token rejects within the running step;
   * nothing is written then. Rejects like SidecarClient.request.
   */
  async generate(
    params: Omit<GenerateParams, "token">,
    listeners: PictureListeners,
    cancellation: vscode.CancellationToken,
  ): Promise<GenerateResult> {
    const token = randomUUID();
    const settings = pictureSettings();
    const source = new vscode.CancellationTokenSource();
    const following = cancellation.onCancellationRequested(() => {
      source.cancel();
    });
    if (cancellation.isCancellationRequested) source.cancel();
    this.pending.set(token, { listeners, source });
    try {
      return await this.sidecar.request<GenerateResult, GenerationProgress>(
        GenerateRequest.method,
        { ...settings, ...params, model: params.model ?? settings.model, token },
        source.token,
        {
          token,
          onProgress: (progress) => {
            if (progress.stage !== "queued") this.progressed.fire(progress);
            listeners.onProgress?.(progress);
          },
        },
      );
    } finally {
      this.pending.delete(token);
      following.dispose();
      source.dispose();
    }
  }

  /** Cancels every picture that this window waits for. */
  cancelAll(): void {
    for (const { source } of this.pending.values()) source.cancel();
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }
}
