import type { GenerationProgress, Queue } from "../../sidecar/protocol";
import type { SidecarState } from "../sidecar/sidecar-client";

/** What the status bar knows. */
export interface Activity {
  readonly sidecar: SidecarState;
  readonly queue: Queue | null;
  /** Of the picture that is being made. */
  readonly progress: GenerationProgress | null;
}

/** The text of the status bar item: icon and name, the step, and how many pictures wait. */
export function statusText({ sidecar, queue, progress }: Activity): string {
  const pictures = queue?.queue.length ?? 0;
  if (sidecar === "starting" || queue?.state === "loading") return `$(loading~spin) Sana${waiting(pictures)}`;
  if (sidecar === "stopped" || queue === null || queue.state === "idle") return "$(sparkle) Sana";
  const step = progress?.stage === "steps" ? ` ${progress.step}/${progress.total}` : "";
  return `$(loading~spin) Sana${step}${waiting(pictures)}`;
}

function waiting(pictures: number): string {
  return pictures > 1 ? ` +${pictures - 1}` : "";
}
