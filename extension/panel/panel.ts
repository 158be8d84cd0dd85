import type { Form } from "./panel-messages";

/** The panel as other features see it. */
export interface Panel {
  /** Opens or reveals the panel with the focus in the prompt; `edit` goes into the form, the rest of it stays. */
  open(edit?: Partial<Form>): void;
}
