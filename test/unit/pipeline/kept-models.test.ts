import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { KeptModels, type NetworkName } from "../../../sidecar/pipeline/kept-models";
import type { SanaModels } from "../../../sidecar/pipeline/models";

/** Networks that do nothing but say when they are loaded and released. */
function recorded(): { models: SanaModels; log: string[] } {
  const log: string[] = [];
  const network = (name: NetworkName): (() => Promise<never>) => {
    return () => {
      log.push(`load ${name}`);
      const release = (): Promise<void> => {
        log.push(`release ${name}`);
        return Promise.resolve();
      };
      return Promise.resolve({ release } as never);
    };
  };
  const models: SanaModels = {
    textEncoder: network("textEncoder"),
    transformer: network("transformer"),
    decoder: network("decoder"),
    encoder: network("encoder"),
  };
  return { models, log };
}

/** What a pipeline does with a network. */
async function use(models: SanaModels, name: NetworkName): Promise<void> {
  await (await models[name]()).release();
}

describe("kept models", () => {
  it("loads a network once where it is kept, and releases it when told to", async () => {
    const { models, log } = recorded();
    const kept = new KeptModels(models, () => true);
    await use(kept, "transformer");
    await use(kept, "transformer");
    await use(kept, "decoder");
    assert.deepEqual(kept.names(), ["transformer", "decoder"]);
    await kept.release();
    assert.deepEqual(log, ["load transformer", "load decoder", "release transformer", "release decoder"]);
    assert.deepEqual(kept.names(), []);
    await use(kept, "transformer");
    assert.equal(log.at(-1), "load transformer");
  });

  it("asks again at every release", async () => {
    const { models, log } = recorded();
    let free = true;
    const kept = new KeptModels(models, (name) => free && name !== "textEncoder");
    await use(kept, "textEncoder");
    await use(kept, "decoder");
    free = false;
    await use(kept, "decoder");
    assert.deepEqual(log, ["load textEncoder", "release textEncoder", "load decoder", "release decoder"]);
  });

  it("tries again what could not be loaded", async () => {
    const { models } = recorded();
    let attempts = 0;
    const decoder = (): Promise<never> => {
      attempts += 1;
      return attempts === 1 ? Promise.reject(new Error("out of memory")) : models.decoder().then((m) => m as never);
    };
    const kept = new KeptModels({ ...models, decoder }, () => true);
    await assert.rejects(kept.decoder(), /out of memory/);
    await use(kept, "decoder");
    assert.equal(attempts, 2);
  });
});
