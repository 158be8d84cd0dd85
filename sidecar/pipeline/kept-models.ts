import type { AutoencoderModel, Releasable, SanaModels, TextEncoderModel, TransformerModel } from "./models";

export type NetworkName = keyof SanaModels;

/**
 * Networks that stay loaded from one picture to the next. A pipeline loads and releases as always; `keeps` is asked at
 * every release whether that network stays, so the answer may change with what memory is free. One pipeline at a time.
 */
export class KeptModels implements SanaModels {
  private readonly loaded = new Map<NetworkName, Promise<Releasable>>();

  constructor(
    private readonly models: SanaModels,
    private readonly keeps: (network: NetworkName) => boolean,
  ) {}

  textEncoder(): Promise<TextEncoderModel> {
    return this.kept("textEncoder", () => this.models.textEncoder());
  }

  transformer(): Promise<TransformerModel> {
    return this.kept("transformer", () => this.models.transformer());
  }

  decoder(): Promise<AutoencoderModel> {
    return this.kept("decoder", () => this.models.decoder());
  }

  encoder(): Promise<AutoencoderModel> {
    return this.kept("encoder", () => this.models.encoder());
  }

  /** Which networks are in memory now, or on their way there. */
  names(): NetworkName[] {
    return [...this.loaded.keys()];
  }

  /** Releases the networks that no pipeline uses, all of them or the named one. */
  async release(names: readonly NetworkName[] = this.names()): Promise<void> {
    for (const name of names) {
      const network = this.loaded.get(name);
      this.loaded.delete(name);
      await (await network)?.release();
    }
  }

  private async kept<Model extends Releasable>(name: NetworkName, load: () => Promise<Model>): Promise<Model> {
    let network = this.loaded.get(name) as Promise<Model> | undefined;
    if (network === undefined) {
      network = load();
      this.loaded.set(name, network);
    }
    const release = async (): Promise<void> => {
      if (!this.keeps(name)) await this.release([name]);
    };
    try {
      // The pipeline's view of the network: its release asks first.
      return Object.create(await network, { release: { value: release } }) as Model;
    } catch (error) {
      // What could not be loaded is tried again the next time.
      this.loaded.delete(name);
      throw error;
    }
  }
}
