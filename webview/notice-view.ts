import { iconButton } from "./controls";
import { element } from "./dom";
import { ICONS } from "./icons";
import { l10n } from "./l10n";
import type { State } from "./state";

// Long enough to read a line twice; errors stay until they are closed.
const INFO_MS = 6000;

/** One line at the edge of the panel about what was done or could not be done. */
export function createNoticeView(close: () => void) {
  const info = element("span", { attributes: { role: "status" } });
  const error = element("span", { attributes: { role: "alert" } });
  const bar = element(
    "div",
    { className: "notice", attributes: { role: "region", "aria-label": l10n.t("Notice") } },
    info,
    error,
    iconButton({ label: l10n.t("Close"), icon: ICONS.close }, close),
  );
  let shown = 0;
  let timer: number | undefined;
  return {
    element: bar,
    update(notice: State["notice"]): void {
      bar.classList.toggle("open", notice !== null);
      if ((notice?.number ?? 0) === shown) return;
      shown = notice?.number ?? 0;
      clearTimeout(timer);
      info.textContent = notice?.severity === "info" ? notice.message : "";
      error.textContent = notice?.severity === "error" ? notice.message : "";
      bar.classList.toggle("error", notice?.severity === "error");
      if (notice?.severity === "info") timer = setTimeout(close, INFO_MS);
    },
  };
}
