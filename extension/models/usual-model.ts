import type { ModelsResult } from "../../sidecar/protocol";

type Model = Extract<ModelsResult["models"][number], { bundled: unknown }>;

/** Whether the settings mean that model; `setting` is `sana.modelPath`, null where that is empty. */
export function isUsualModel({ folder, bundled }: Model, setting: string | null): boolean {
  return folder === setting || bundled === (setting ?? "fast");
}
