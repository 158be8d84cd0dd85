import type { Picture, PictureAction } from "../extension/panel/panel-messages";
import { button, iconButton } from "./controls";
import { element, setText } from "./dom";
import { duration } from "./format";
import { ICONS } from "./icons";
import { l10n } from "./l10n";
import { REUSE } from "./reuse";
import type { StageHandlers } from "./handlers";

type PictureHandlers = Pick<StageHandlers, "change" | "act" | "copyImage" | "variations">;

/** What a picture was made with and all that can be done with it. */
export function createPictureDetails(handlers: PictureHandlers) {
  let current: Picture | undefined;
  const withCurrent = (run: (picture: Picture) => void) => () => {
    if (current !== undefined) run(current);
  };
  const action = (label: string, run: (picture: Picture) => void, kind: "primary" | "secondary" = "secondary") =>
    button({ label, kind }, withCurrent(run));
  const icon = (label: string, drawing: keyof typeof ICONS, run: (picture: Picture) => void) =>
    iconButton({ label, icon: ICONS[drawing] }, withCurrent(run));
  const host = (name: PictureAction) => (picture: Picture) => {
    handlers.act(picture, name);
  };
  const reuse = (which: keyof typeof REUSE) => (picture: Picture) => {
    handlers.change(REUSE[which](picture));
  };
  const insert = action(l10n.t("Insert"), host("insert"), "primary");
  insert.title = l10n.t("Insert where the cursor was last");
  const prompt = element("p", { className: "prompt", attributes: { dir: "auto" } });
  const facts = element("p", { className: "hint" });
  const notices = element("p", { className: "hint notices" });
  return {
    element: element(
      "div",
      { className: "details" },
      group(
        l10n.t("Picture actions"),
        insert,
        action(l10n.t("Copy Markdown"), host("copyMarkdown")),
        action(l10n.t("Variations"), handlers.variations),
        icon(l10n.t("Copy Image"), "copy", handlers.copyImage),
        icon(l10n.t("Save As…"), "save", host("saveAs")),
        icon(l10n.t("Reveal"), "folder", host("reveal")),
        icon(l10n.t("Delete"), "trash", host("delete")),
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
        action(l10n.t("As Start Picture"), reuse("start")),
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
          l10n.t("steps {0}", steps ?? ""),
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
