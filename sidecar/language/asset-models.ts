import { openAssetModel, type AssetModel } from "../assets/asset-model";
import { throwIfCancelled } from "../pipeline/guards";
import { fingerprintOf } from "../server/fingerprint";

/** Checkpoints that were opened for planning; one is opened again when a file of it has changed. */
export class AssetModels {
  private readonly opened = new Map<string, { fingerprint: string; model: Promise<AssetModel> }>();

  /**
   * Throws like `openAssetModel`, and `cancelled` when the signal is given; the weights are hashed to their end all the
   * same, for whoever asks next.
   */
  async open(folder: string, signal?: AbortSignal): Promise<AssetModel> {
    const fingerprint = await fingerprintOf(folder);
    const earlier = this.opened.get(folder);
    const model = earlier?.fingerprint === fingerprint ? earlier.model : openAssetModel(folder);
    this.opened.set(folder, { fingerprint, model });
    await Promise.race([model, aborted(signal)]);
    if (signal !== undefined) throwIfCancelled(signal);
    return model;
  }
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    signal?.addEventListener("abort", () => {
      resolve();
    });
  });
}
