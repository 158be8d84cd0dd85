import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { modelChoices } from "../../../extension/panel/model-choices";
import type { ModelsResult } from "../../../sidecar/protocol";

type Usable = Exclude<ModelsResult["models"][number], { error: unknown }>;

function modelOf(folder: string, bundled: Usable["bundled"] = null): Usable {
  return {
    folder,
    name: folder.slice(1),
    bundled,
    pipeline: "SanaPipeline",
    sprint: false,
    bytes: 1,
    sizes: [],
    anySize: true,
    sizeMultiple: 32,
    maxSide: 8192,
    schedulers: ["flow-dpm-solver"],
    defaults: { width: 512, height: 512, steps: 20, guidanceScale: 4.5, scheduler: "flow-dpm-solver", strength: 0.6 },
  };
}

function chosen(models: ModelsResult["models"], usual: string | null) {
  return modelChoices({ models }, usual).models.map((model) => [model.folder, model.usual]);
}

describe("the models to choose from", () => {
  const models = [modelOf("/bundled", "quality"), modelOf("/bundled/sprint", "fast"), modelOf("/large")];

  it("begin with the one that the settings name, else with the fast bundled one", () => {
    assert.deepEqual(chosen(models, null), [
      ["/bundled/sprint", true],
      ["/bundled", false],
      ["/large", false],
    ]);
    assert.deepEqual(chosen(models, "quality"), [
      ["/bundled", true],
      ["/bundled/sprint", false],
      ["/large", false],
    ]);
    assert.deepEqual(chosen(models, "/bundled"), chosen(models, "quality"));
    assert.deepEqual(chosen(models, "/large"), [
      ["/large", true],
      ["/bundled", false],
      ["/bundled/sprint", false],
    ]);
  });

  it("have no usual one when the settings name what cannot be used, which is told with the reason", () => {
    const broken = {
      folder: "/broken",
      error: { code: "invalid-checkpoint", message: "/broken does not exist" },
    } as const;
    assert.deepEqual(chosen([...models, broken], "/broken"), [
      ["/bundled", false],
      ["/bundled/sprint", false],
      ["/large", false],
    ]);
    assert.deepEqual(modelChoices({ models: [...models, broken] }, "/broken").unusable, [
      { folder: "/broken", error: "/broken does not exist" },
    ]);
  });
});
