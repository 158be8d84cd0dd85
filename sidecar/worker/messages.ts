import type { ErrorCode } from "../errors";
import type { GenerationParameters } from "../image/generation-parameters";
import type { RunOptions } from "../generation/run";
import type { Compute, ExecutionProvider, Precision } from "../runtime/compute";
import type { Timings } from "../generation/timings";
import type { GenerateNotice } from "../protocol";

/** What the server and its worker say to each other over the channel between their processes. */

/** One picture to be made. */
export interface Job {
  /** The checkpoint's folder. */
  readonly model: string;
  readonly options: Omit<RunOptions, "model">;
  readonly provider: ExecutionProvider | "auto";
  readonly precision: Precision | "auto";
  /** What making the picture needs; networks stay loaded while as much as that is free besides. */
  readonly neededBytes: number;
  /** Longest side of the previews; null for none. */
  readonly previewSide: number | null;
  /** Whether the PNG holds its parameters. */
  readonly metadata: boolean;
  /** Where the file will be: cleaned up there should the server end while it writes. */
  readonly folder: string;
}

/** Server → worker. A second job is only sent when the first is done. */
export type ToWorker = { readonly type: "make"; readonly job: Job } | { readonly type: "cancel" };

/** What a stage is called outside. `load` comes twice: before the prompt and before the steps. */
export type WorkerStage = "load" | "read-prompt" | "read-image" | "steps" | "decode" | "save";

/** Worker → server, while it makes a picture. */
export type WorkerEvent =
  | { readonly type: "stage"; readonly stage: WorkerStage }
  /** Everything has been checked and the model of that name is being loaded. */
  | { readonly type: "ready"; readonly name: string; readonly compute: Compute }
  | { readonly type: "step"; readonly step: number; readonly total: number; readonly preview: SmallPicture | null }
  | { readonly type: "notice"; readonly notice: GenerateNotice };

export interface SmallPicture {
  readonly width: number;
  readonly height: number;
  readonly png: Uint8Array;
}

/** A finished picture, not yet on the disk. */
export interface FinishedPicture {
  readonly png: Uint8Array;
  readonly parameters: GenerationParameters;
  readonly compute: Compute;
  readonly timings: ReturnType<Timings["seconds"]>;
}

/** Worker → server. */
export type FromWorker =
  | (WorkerEvent & { readonly residentBytes: number })
  | { readonly type: "made"; readonly picture: FinishedPicture; readonly residentBytes: number }
  | {
      readonly type: "failed";
      /** Undefined for a bug. */
      readonly code: ErrorCode | undefined;
      readonly message: string;
      /** Where a bug is, without anything that the user wrote. */
      readonly origin: string;
      readonly residentBytes: number;
    };
