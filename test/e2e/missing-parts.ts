import { existsSync } from "node:fs";
import { join } from "node:path";
import { chromiumPath, fontsAreThere, workbenchFolder } from "./installation.mjs";

/** Why the browser tests cannot run here, for `describe`'s `skip`; false where they can. */
export function missingParts(): string | false {
  if (chromiumPath() !== undefined && fontsAreThere() && existsSync(join(workbenchFolder(), "finished"))) return false;
  return "there is no browser or no VS Code server; `npm run setup:e2e` installs them";
}
