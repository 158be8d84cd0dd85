import type { Locator, Page } from "playwright-core";

// On two busy cores; what takes longer hangs.
const DEADLINE_MS = 60_000;
/** How long a part of a gesture may take before the whole is made again. */
export const GESTURE_MS = 3000;

/**
 * Makes a gesture until it succeeds, because a busy window loses some: a submenu closes again, a key comes before its
 * list. Each attempt begins with nothing open. The gesture must do no harm when it is made twice, and should wait for
 * its parts no longer than GESTURE_MS.
 */
export async function gesture(page: Page, make: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    try {
      await closeOverlays(page);
      // A hover that is shown where the mouse rests would lie over what is meant.
      await page.mouse.move(0, 0);
      await make();
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

/** Closes menus, quick input and lists of actions, which would catch what is meant for the window below them. */
export async function closeOverlays(page: Page): Promise<void> {
  const overlays = page
    .locator(".context-view-block, .monaco-menu, .quick-input-widget, .action-widget")
    .filter({ visible: true });
  const deadline = Date.now() + DEADLINE_MS;
  while ((await overlays.count()) > 0) {
    if (Date.now() > deadline) throw new Error("a menu or a list does not close");
    await page.keyboard.press("Escape");
    // A second one while the first takes effect would reach what lies below, and cancel the panel's picture.
    await overlays
      .first()
      .waitFor({ state: "hidden", timeout: 500 })
      .catch(() => undefined);
  }
}

/** Opens the context menu of an element. */
export async function openContextMenu(page: Page, target: Locator): Promise<void> {
  await gesture(page, () => rightClick(page, target));
}

/** Chooses an entry of a submenu in the context menu of an element. */
export async function chooseInSubmenu(page: Page, target: Locator, submenu: string, entry: string): Promise<void> {
  await gesture(page, async () => {
    await rightClick(page, target);
    await menuItem(page, submenu).click({ timeout: GESTURE_MS });
    // The submenu lies inside the entry that opens it.
    await menuItem(page, entry).last().hover({ timeout: GESTURE_MS });
    const focused = page.locator(".monaco-menu .action-item.focused:not(:has(.action-item))", { hasText: entry });
    await focused.waitFor({ timeout: GESTURE_MS });
    // Some clicks on a submenu's entry are lost, its keys are not.
    await page.keyboard.press("Enter");
    await page.locator(".monaco-menu").first().waitFor({ state: "hidden", timeout: GESTURE_MS });
  });
}

/** The entries of this title in a menu that is open. */
export function menuItem(page: Page, title: string): Locator {
  return page.locator(".monaco-menu .action-item").filter({ hasText: title });
}

async function rightClick(page: Page, target: Locator): Promise<void> {
  await target.click({ button: "right", timeout: GESTURE_MS });
  await page.locator(".monaco-menu .action-item").first().waitFor({ timeout: GESTURE_MS });
}
