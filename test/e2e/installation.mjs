// Where the parts of the browser tests are installed, for setup.mjs and for the tests.
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The folder into which setup.mjs installs VS Code. */
export function workbenchFolder() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  return join(cache, "sana-vscode", "e2e-workbench");
}

/** Chromium's program file, or undefined where there is none. */
export function chromiumPath() {
  return ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));
}

/** Whether Chinese text and emoji can be drawn. */
export function fontsAreThere() {
  try {
    const fonts = execFileSync("fc-list", { encoding: "utf8" });
    return fonts.includes("Noto Sans CJK") && fonts.includes("Noto Color Emoji");
  } catch {
    return false;
  }
}
