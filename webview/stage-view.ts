import type { Form, Job, Picture, PictureAction } from "../extension/panel/panel-messages";
import { button, progressRing } from "./controls";
import { element, setText } from "./dom";
import { duration } from "./format";
import { l10n } from "./l10n";
import { stageText, timeLeftText } from "./progress-texts";
import { REUSE } from "./reuse";
import { isJob, isPending, selectedTile, type State } from "./state";

/** What the user can do with the job or picture that is shown large. */
export interface StageHandlers {
  readonly change: (form: Partial<Form>) => void;
  readonly cancel: (job: Job) => void;
  readonly retry: (job: Job) => void;
  readonly dismiss: (job: Job) => void;
  readonly showLog: () => void;
  readonly act: (picture: Picture, action: PictureAction) => void;
  readonly copyImage: (picture: Picture) => void;
  readonly variations: (picture: Picture) => void;
}

/** The selected job with its preview and progress, or the selected picture with all that can be done with it. */
export function createStageView(handlers: StageHandlers) {
  const image = createSteadyImage();
  const empty = element("p", { className: "empty" }, l10n.t("Pictures appear here."));
  const canvas = element("div", { className: "canvas" }, image.element, empty);
  const job = createJobDetails(handlers);
  const picture = createPictureDetails(handlers);
  return {
    element: element(
      "section",
      { className: "stage", attributes: { "aria-label": l10n.t("Picture") } },
      canvas,
      job.element,
      picture.element,
    ),
    update(state: State): void {
      const selected = selectedTile(state);
      const isJobSelected = selected !== undefined && isJob(selected);
      empty.hidden = selected !== undefined;
      job.element.hidden = !isJobSelected;
      picture.element.hidden = selected === undefined || isJobSelected;
      canvas.classList.toggle("stopped", isJobSelected && !isPending(selected));
      if (selected === undefined) {
        image.show(null, "");
      } else if (isJob(selected)) {
        const preview = state.previews[selected.id];
        const alt = l10n.t("Preview: {0}", selected.form.prompt);
        image.show(preview === undefined ? null : `data:image/png;base64,${preview}`, alt);
        canvas.style.setProperty("--ratio", ratio(selected.form));
        job.update(selected);
      } else {
        image.show(selected.src, selected.form.prompt);
        canvas.style.setProperty("--ratio", ratio(selected.form));
        picture.update(selected);
      }
    },
  };
}

function ratio({ width, height }: Form): string {
  return width === null || height === null ? "1" : String(width / height);
}

/** An image that goes on showing what it shows until the next one is decoded. */
function createSteadyImage() {
  const shown = element("img");
  shown.hidden = true;
  let wanted: string | null = null;
  return {
    element: shown,
    show(src: string | null, alt: string): void {
      shown.alt = alt;
      if (src === wanted) return;
      wanted = src;
      if (src === null) {
        shown.hidden = true;
        return;
      }
      const next = new Image();
      next.src = src;
      void next.decode().then(
        () => {
          if (wanted !== src) return;
          shown.src = src;
          shown.hidden = false;
        },
        () => {
          // The file is gone: its description takes its place.
          if (wanted === src) Object.assign(shown, { src, hidden: false });
        },
      );
    },
  };
}

function createJobDetails(handlers: StageHandlers) {
  let current: Job | undefined;
  const withCurrent = (action: (job: Job) => void) => () => {
    if (current !== undefined) action(current);
  };
  const ring = progressRing();
  const status = element("span");
  const timeLeft = element("span", { className: "hint" });
  const bar = element("progress", { attributes: { max: "1", "aria-label": l10n.t("Progress") } });
  const error = element("p", { className: "problem" });
  const cancel = button({ label: l10n.t("Cancel This Picture") }, withCurrent(handlers.cancel));
  const retry = button({ label: l10n.t("Try Again"), kind: "primary" }, withCurrent(handlers.retry));
  const dismiss = button({ label: l10n.t("Remove") }, withCurrent(handlers.dismiss));
  const log = button({ label: l10n.t("Show Log") }, handlers.showLog);
  const prompt = element("p", { className: "prompt", attributes: { dir: "auto" } });
  return {
    element: element(
      "div",
      { className: "details" },
      element("div", { className: "row status" }, ring, status, timeLeft),
      bar,
      error,
      prompt,
      element("div", { className: "actions" }, cancel, retry, dismiss, log),
    ),
    update(job: Job): void {
      current = job;
      const pending = isPending(job);
      setText(status, stageText(job));
      setText(timeLeft, timeLeftText(job));
      setText(error, job.error ?? "");
      setText(prompt, job.form.prompt);
      ring.hidden = job.state !== "running";
      bar.hidden = !pending;
      bar.value = job.fraction;
      cancel.hidden = !pending;
      retry.hidden = pending;
      dismiss.hidden = pending;
      log.hidden = job.state !== "failed";
    },
  };
}

function createPictureDetails(handlers: StageHandlers) {
  let current: Picture | undefined;
  const action = (label: string, run: (picture: Picture) => void, kind: "primary" | "secondary" = "secondary") =>
    button({ label, kind }, () => {
      if (current !== undefined) run(current);
    });
  const host = (name: PictureAction) => (picture: Picture) => {
    handlers.act(picture, name);
  };
  const reuse = (which: keyof typeof REUSE) => (picture: Picture) => {
    handlers.change(REUSE[which](picture));
  };
  const prompt = element("p", { className: "prompt", attributes: { dir: "auto" } });
  const facts = element("p", { className: "hint" });
  const notices = element("p", { className: "hint notices" });
  return {
    element: element(
      "div",
      { className: "details" },
      group(
        l10n.t("Picture actions"),
        action(l10n.t("Insert"), host("insert"), "primary"),
        action(l10n.t("Copy Markdown"), host("copyMarkdown")),
        action(l10n.t("Copy Image"), handlers.copyImage),
        action(l10n.t("Save As…"), host("saveAs")),
        action(l10n.t("Reveal"), host("reveal")),
        action(l10n.t("Variations"), handlers.variations),
        action(l10n.t("Start from This"), reuse("start")),
        action(l10n.t("Delete"), host("delete")),
      ),
      prompt,
      facts,
      notices,
      group(
        l10n.t("Use these parameters again"),
        element("span", { className: "hint" }, l10n.t("Use again:")),
        action(l10n.t("All"), reuse("all")),
        action(l10n.t("Seed Only"), reuse("seed")),
        action(l10n.t("Remix"), reuse("remix")),
      ),
    ),
    update(picture: Picture): void {
      current = picture;
      setText(prompt, picture.form.prompt);
      const { width, height, steps, guidanceScale, seed } = picture.form;
      setText(
        facts,
        [
          `${width ?? ""} × ${height ?? ""}`,
          l10n.t("{0} steps", steps ?? ""),
          l10n.t("guidance {0}", guidanceScale ?? ""),
          l10n.t("seed {0}", seed),
          picture.modelName,
          duration(picture.seconds),
        ].join(" · "),
      );
      setText(notices, picture.notices.join(" "));
    },
  };
}

function group(label: string, ...children: HTMLElement[]): HTMLElement {
  return element("div", { className: "actions", attributes: { role: "group", "aria-label": label } }, ...children);
}
