import type { Job, Picture } from "../extension/panel/panel-messages";
import { element, pngSource, setText } from "./dom";
import { l10n } from "./l10n";
import { stageText } from "./progress-texts";
import { isJob, isPending, tiles, type State } from "./state";

/** What the user can do in the strip. */
export interface StripHandlers {
  readonly select: (id: string) => void;
  /** Delete was pressed. */
  readonly remove: (tile: Job | Picture) => void;
  readonly dragStart: (picture: Picture, transfer: DataTransfer) => void;
}

interface Tile {
  readonly element: HTMLElement;
  update(tile: Job | Picture, state: State): void;
}

/** Waiting and running jobs, then the pictures: a list box whose arrows, Home, End and Delete keys work. */
export function createStripView(handlers: StripHandlers) {
  const list = element("div", {
    className: "strip",
    attributes: { role: "listbox", "aria-orientation": "horizontal", "aria-label": l10n.t("Pictures and queue") },
  });
  const known = new Map<string, Tile>();
  let shown: readonly (Job | Picture)[] = [];
  let selectedId: string | null = null;

  list.addEventListener("keydown", (event) => {
    const place = shown.findIndex(({ id }) => id === selectedId);
    const targets: Record<string, number> = {
      ArrowRight: Math.min(place + 1, shown.length - 1),
      ArrowLeft: Math.max(place - 1, 0),
      Home: 0,
      End: shown.length - 1,
    };
    const target = shown[targets[event.key] ?? -1];
    const current = shown[place];
    if (target !== undefined) {
      event.preventDefault();
      handlers.select(target.id);
      known.get(target.id)?.element.focus();
    } else if (event.key === "Delete" && current !== undefined) {
      event.preventDefault();
      handlers.remove(current);
    }
  });

  return {
    element: list,
    update(state: State): void {
      const hadFocus = list.contains(document.activeElement);
      shown = tiles(state);
      const selectionMoved = selectedId !== state.selected;
      selectedId = state.selected;
      list.hidden = shown.length === 0;
      const elements = shown.map((tile) => {
        let view = known.get(tile.id);
        if (view === undefined) {
          view = createTile(tile.id, handlers, () => shown);
          known.set(tile.id, view);
        }
        view.update(tile, state);
        return view.element;
      });
      if (elements.length !== list.children.length || elements.some((child, index) => list.children[index] !== child)) {
        list.replaceChildren(...elements);
      }
      for (const id of known.keys()) if (!shown.some((tile) => tile.id === id)) known.delete(id);
      const selected = known.get(selectedId ?? "");
      if (hadFocus && !list.contains(document.activeElement)) selected?.element.focus();
      if (selectionMoved && selected !== undefined) reveal(selected.element, list);
    },
  };
}

function createTile(id: string, handlers: StripHandlers, shown: () => readonly (Job | Picture)[]): Tile {
  const image = element("img", { attributes: { alt: "", loading: "lazy" } });
  const badge = element("span", { className: "badge", attributes: { "aria-hidden": "true" } });
  const option = element("div", { className: "tile", attributes: { role: "option" } }, image, badge);
  option.addEventListener("click", () => {
    handlers.select(id);
  });
  option.addEventListener("dragstart", (event) => {
    const tile = shown().find((candidate) => candidate.id === id);
    if (tile === undefined || isJob(tile) || event.dataTransfer === null) event.preventDefault();
    else handlers.dragStart(tile, event.dataTransfer);
  });
  return {
    element: option,
    update(tile, state) {
      const src = isJob(tile) ? (pngSource(state.previews[id]) ?? "") : tile.src;
      if (image.getAttribute("src") !== src) {
        if (src === "") image.removeAttribute("src");
        else image.src = src;
      }
      image.hidden = src === "";
      const selected = state.selected === id;
      option.setAttribute("aria-selected", String(selected));
      option.tabIndex = selected ? 0 : -1;
      option.draggable = !isJob(tile);
      option.classList.toggle("stopped", isJob(tile) && !isPending(tile));
      option.setAttribute("aria-label", isJob(tile) ? `${stageText(tile)}: ${tile.form.prompt}` : tile.form.prompt);
      option.title = tile.form.prompt;
      setText(badge, isJob(tile) ? badgeText(tile) : "");
    },
  };
}

/** scrollIntoView would scroll the panel too, away from what is being written. */
function reveal(tile: HTMLElement, list: HTMLElement): void {
  const [outer, inner] = [list.getBoundingClientRect(), tile.getBoundingClientRect()];
  if (inner.left < outer.left) list.scrollLeft += inner.left - outer.left;
  else if (inner.right > outer.right) list.scrollLeft += inner.right - outer.right;
}

function badgeText(job: Job): string {
  if (job.state === "running") return `${Math.round(job.fraction * 100)} %`;
  if (job.state === "waiting") return job.ahead === 0 ? "…" : l10n.t("#{0}", job.ahead);
  return stageText(job);
}
