import type { Job } from "../extension/panel/panel-messages";
import { button } from "./controls";
import { element, setText } from "./dom";
import { l10n } from "./l10n";
import { stageText, timeLeftText } from "./progress-texts";
import type { StageHandlers } from "./handlers";
import { isPending } from "./state";

type JobHandlers = Pick<StageHandlers, "cancel" | "cancelAll" | "retry" | "dismiss" | "showLog">;

/** How far a picture is, or why there is none, and what can be done about it. `bar` lies over the canvas. */
export function createJobDetails(handlers: JobHandlers) {
  let current: Job | undefined;
  const withCurrent = (action: (job: Job) => void) => () => {
    if (current !== undefined) action(current);
  };
  const status = element("span", { className: "stage-text" });
  const timeLeft = element("span", { className: "hint" });
  // No spinner: without a graphics card a browser would spend on it half of a processor core that makes the picture.
  const bar = element("progress", { attributes: { max: "1", "aria-label": l10n.t("Progress") } });
  const error = element("p", { className: "problem" });
  const cancel = button({ label: l10n.t("Cancel") }, withCurrent(handlers.cancel));
  cancel.title = l10n.t("Cancel ({0})", "Esc");
  const cancelAll = button({ label: l10n.t("Cancel All") }, handlers.cancelAll);
  const retry = button({ label: l10n.t("Try Again"), kind: "primary" }, withCurrent(handlers.retry));
  const dismiss = button({ label: l10n.t("Remove") }, withCurrent(handlers.dismiss));
  const log = button({ label: l10n.t("Show Log") }, handlers.showLog);
  const prompt = element("p", { className: "prompt", attributes: { dir: "auto" } });
  return {
    bar,
    element: element(
      "div",
      { className: "details" },
      element("div", { className: "actions" }, cancel, cancelAll, retry, dismiss, log, status, timeLeft),
      error,
      prompt,
    ),
    /** `pendingCount`: of all jobs. */
    update(job: Job, pendingCount: number): void {
      current = job;
      const pending = isPending(job);
      setText(status, stageText(job));
      setText(timeLeft, timeLeftText(job));
      setText(error, job.error ?? "");
      setText(prompt, job.form.prompt);
      bar.value = job.fraction;
      cancel.hidden = !pending;
      cancelAll.hidden = !pending || pendingCount < 2;
      retry.hidden = pending;
      dismiss.hidden = pending;
      log.hidden = job.state !== "failed";
    },
  };
}
