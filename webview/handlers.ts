import type { Form, Job, Picture, PictureAction } from "../extension/panel/panel-messages";

/** What the user can do in the form. */
export interface FormHandlers {
  readonly change: (form: Partial<Form>) => void;
  readonly generate: () => void;
  readonly setLive: (live: boolean) => void;
  readonly chooseEarlierPrompt: () => void;
  readonly chooseStartImage: () => void;
  readonly loadModels: () => void;
}

/** What the user can do with the job or picture that is shown large. */
export interface StageHandlers {
  /** Sets fields of the form and goes there. */
  readonly change: (form: Partial<Form>) => void;
  readonly cancel: (job: Job) => void;
  readonly cancelAll: () => void;
  readonly retry: (job: Job) => void;
  readonly dismiss: (job: Job) => void;
  readonly showLog: () => void;
  readonly act: (picture: Picture, action: PictureAction) => void;
  readonly copyImage: (picture: Picture) => void;
  readonly variations: (picture: Picture) => void;
  readonly dragStart: (picture: Picture, transfer: DataTransfer) => void;
}
