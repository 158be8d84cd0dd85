import type { Job } from "../extension/panel/panel-messages";
import { duration } from "./format";
import { l10n } from "./l10n";
import { isPending, type State } from "./state";

/** What a job is doing, in a few words. */
export function stageText({ state, stage, step, total, ahead }: Job): string {
  if (state === "failed") return l10n.t("Failed");
  if (state === "cancelled") return l10n.t("Cancelled");
  switch (stage) {
    case "queued":
      return ahead === 0 ? l10n.t("Starting…") : l10n.t("Waiting: {0} before this one", ahead);
    case "load":
      return l10n.t("Loading the model…");
    case "read-prompt":
      return l10n.t("Reading the prompt…");
    case "read-image":
      return l10n.t("Reading the start picture…");
    case "steps":
      return l10n.t("Step {0} of {1}", Math.min(step + 1, total), total);
    case "decode":
      return l10n.t("Decoding…");
    case "save":
      return l10n.t("Saving…");
  }
}

/** The time that a running job still takes, where it can be told. */
export function timeLeftText({ state, secondsLeft }: Job): string {
  return state !== "running" || secondsLeft === null ? "" : l10n.t("about {0} left", duration(secondsLeft));
}

/** What a screen reader is to be told. */
export interface Announcement {
  readonly message: string;
  /** Whether it may interrupt. */
  readonly urgent: boolean;
}

/** What of the change from `before` to `after` is worth hearing: stages, every quarter of the steps, ends. */
export function announcement(before: State, after: State): Announcement | null {
  const madeBefore = new Set(before.pictures.map(({ id }) => id));
  const made = after.pictures.find(({ id }) => !madeBefore.has(id) && before.jobs.some((job) => job.id === id));
  if (made !== undefined) return polite(l10n.t("Picture ready: {0}", made.form.prompt));
  for (const job of after.jobs) {
    const earlier = before.jobs.find(({ id }) => id === job.id);
    if (earlier?.state === job.state) continue;
    if (job.state === "failed" && earlier !== undefined) {
      return { message: l10n.t("The picture could not be made: {0}", job.error ?? ""), urgent: true };
    }
    if (job.state === "cancelled") return polite(l10n.t("Cancelled"));
  }
  const running = after.jobs.find(isPending);
  if (running === undefined) return null;
  const earlier = before.jobs.find(({ id }) => id === running.id);
  const heard = earlier !== undefined && earlier.stage === running.stage && quarter(earlier) === quarter(running);
  if (heard) return null;
  return polite([stageText(running), timeLeftText(running)].filter((text) => text !== "").join(", "));
}

function polite(message: string): Announcement {
  return { message, urgent: false };
}

function quarter({ step, total }: Job): number {
  return total === 0 ? 0 : Math.floor((4 * step) / total);
}
