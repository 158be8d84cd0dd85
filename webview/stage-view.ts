import type { Picture } from "../extension/panel/panel-messages";
import { button } from "./controls";
import { element, pngSource } from "./dom";
import { EXAMPLE_PROMPTS } from "./example-prompts";
import type { StageHandlers } from "./handlers";
import { createJobDetails } from "./job-details";
import { l10n } from "./l10n";
import { createLiveDetails } from "./live-details";
import { createPictureDetails } from "./picture-details";
import { isJob, isPending, selectedTile, type State } from "./state";

/** The selected job with its preview and progress, or the selected picture with all that can be done with it. */
export function createStageView(handlers: StageHandlers) {
  const image = createSteadyImage();
  const empty = createEmptyState(handlers.change);
  const job = createJobDetails(handlers);
  const picture = createPictureDetails(handlers);
  const live = createLiveDetails();
  const canvas = element("div", { className: "canvas" }, image.element, empty, job.bar);
  let shown: Picture | undefined;
  image.element.addEventListener("dragstart", (event) => {
    if (shown === undefined || event.dataTransfer === null) event.preventDefault();
    else handlers.dragStart(shown, event.dataTransfer);
  });
  return {
    element: element(
      "section",
      { className: "stage", attributes: { "aria-label": l10n.t("Picture") } },
      canvas,
      job.element,
      picture.element,
      live.element,
    ),
    update(state: State): void {
      const selected = state.live === null ? selectedTile(state) : undefined;
      const selectedJob = selected !== undefined && isJob(selected) ? selected : undefined;
      shown = selected !== undefined && !isJob(selected) ? selected : undefined;
      empty.hidden = selected !== undefined || (state.live !== null && state.live.png !== null);
      live.element.hidden = state.live === null;
      job.element.hidden = selectedJob === undefined;
      job.bar.hidden = selectedJob === undefined || !isPending(selectedJob);
      picture.element.hidden = shown === undefined;
      canvas.classList.toggle("stopped", selectedJob !== undefined && !isPending(selectedJob));
      if (selectedJob !== undefined) {
        const src = pngSource(state.previews[selectedJob.id]);
        image.show(src, l10n.t("Preview: {0}", selectedJob.form.prompt));
        job.update(selectedJob, state.jobs.filter(isPending).length);
      } else if (shown !== undefined) {
        image.show(shown.src, shown.form.prompt);
        picture.update(shown);
      } else if (state.live !== null) {
        image.show(pngSource(state.live.png), l10n.t("Live preview: {0}", state.form.prompt));
        live.update(state.live);
      } else {
        image.show(null, "");
      }
    },
  };
}

/** What a newcomer sees: something to begin with. */
function createEmptyState(change: StageHandlers["change"]): HTMLElement {
  const examples = EXAMPLE_PROMPTS.map((prompt) =>
    button({ label: prompt }, () => {
      change({ prompt });
    }),
  );
  return element(
    "div",
    { className: "empty" },
    element("p", {}, l10n.t("Pictures appear here. Describe one above, or begin with an example:")),
    element("div", { className: "actions" }, ...examples),
  );
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
