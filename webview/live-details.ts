import { element, setText } from "./dom";
import { l10n } from "./l10n";
import type { LivePicture } from "./state";

/** What the quick picture is, below it. */
export function createLiveDetails() {
  const hint = element("p", { className: "hint" });
  const problem = element("p", { className: "problem", attributes: { role: "alert" } });
  return {
    element: element("div", { className: "details" }, hint, problem),
    update({ progress, error }: LivePicture): void {
      const texts = {
        making: l10n.t("Live preview…"),
        finished: l10n.t("Live preview. Generate makes this picture with all its steps and keeps it."),
        failed: "",
      };
      setText(hint, texts[progress]);
      setText(problem, error === null ? "" : l10n.t("The live preview could not be made: {0}", error));
    },
  };
}
