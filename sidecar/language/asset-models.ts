import { openAssetModel, type AssetModel } from "../assets/asset-model";
import { fingerprintOf } from "../server/fingerprint";

/** Checkpoints that were opened for planning; one is opened again when a file of it has changed. */
export class AssetModels {
  private readonly opened = new Map<string, { fingerprint: string; model: Promise<AssetModel> }>();

  /** Throws like `openAssetModel`. */
  async open(folder: string): Promise<AssetModel> {
    const fingerprint = await fingerprintOf(folder);
    const earlier = this.opened.get(folder);
    if (earlier?.fingerprint === fingerprint) return earlier.model;
    const model = openAssetModel(folder);
    this.opened.set(folder, { fingerprint, model });
    return model;
  }
}
