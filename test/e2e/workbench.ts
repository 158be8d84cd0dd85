import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { chromium, type BrowserContext, type Locator, type Page } from "playwright-core";
import { gesture, GESTURE_MS } from "./gestures";
import { chromiumPath } from "./installation.mjs";
import { startVscodeServer, type ServerOptions } from "./vscode-server";

/** A window of a real VS Code with the packaged extension in it, on a workspace folder of its own. */
export interface Workbench {
  readonly page: Page;
  readonly browser: BrowserContext;
  /** The workspace folder, a new one with the files that were asked for. */
  readonly folder: string;
  /** The process of the server; extension hosts and sidecars are below it. */
  readonly serverPid: number;
  /** What was requested from anywhere but this machine. */
  readonly externalRequests: readonly string[];
  close(): Promise<void>;
}

interface WorkbenchOptions extends ServerOptions {
  /** Files of the workspace: name → content. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Of the window, in CSS pixels. */
  readonly viewport?: { readonly width: number; readonly height: number };
  /** Device pixels per CSS pixel. */
  readonly deviceScaleFactor?: number;
  /** A module whose `run` is called in the extension host, and who is told when it has settled: 0 where it resolved. */
  readonly suite?: { readonly path: string; readonly onExit: (code: number) => void };
}

// A browser and a server on two busy cores; what takes longer hangs.
const READY_TIMEOUT_MS = 60_000;

/** Starts a server and a browser, opens the window and waits until it can be used. */
export async function openWorkbench(options: WorkbenchOptions = {}): Promise<Workbench> {
  const home = mkdtempSync(join(tmpdir(), "sana-e2e-"));
  const folder = join(home, "workspace");
  mkdirSync(folder);
  for (const [name, content] of Object.entries(options.files ?? {})) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const { suite } = options;
  const server = await startVscodeServer(home, { ...options, runsSuite: suite !== undefined });
  const { origin } = server;

  const browser = await chromium.launchPersistentContext(join(home, "browser"), {
    executablePath: chromiumPath()!,
    viewport: options.viewport ?? { width: 1400, height: 900 },
    deviceScaleFactor: options.deviceScaleFactor ?? 1,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
    ...(options.locale === undefined ? {} : { locale: options.locale }),
  });
  await browser.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
  const externalRequests: string[] = [];
  browser.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    // A webview asks for its files by a name that its service worker answers; nothing goes out.
    const isLocal = hostname === "127.0.0.1" || hostname.endsWith(".vscode-resource.vscode-cdn.net");
    if (/^(http|ws)/.test(protocol) && !isLocal) externalRequests.push(request.url());
  });
  const page = browser.pages()[0] ?? (await browser.newPage());
  page.setDefaultTimeout(READY_TIMEOUT_MS);
  const address = new URLSearchParams({ folder });
  if (suite !== undefined) {
    // The window calls it when the suite has settled.
    await page.exposeFunction("codeAutomationExit", suite.onExit);
    address.set("payload", suitePayload(origin, suite.path));
  }
  await page.goto(`${origin}/?${address.toString()}`);
  await page.locator(".statusbar-item").first().waitFor();
  return {
    page,
    browser,
    folder,
    serverPid: server.pid,
    externalRequests,
    close: async () => {
      await browser.close();
      await server.stop();
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** What tells the window to run a suite, with the extension as it is in the package. */
function suitePayload(origin: string, path: string): string {
  const onServer = (file: string): string => `vscode-remote://${new URL(origin).host}${file}`;
  return JSON.stringify([
    ["extensionDevelopmentPath", onServer(resolve("dist", "vsix", "linux-x64"))],
    ["extensionTestsPath", onServer(path)],
  ]);
}

/**
 * Runs a command by its full title in the palette, such as "Sana: Show Log". With `result`, what it makes appear: until
 * that is there it is run again, which must do no harm.
 */
export async function runCommand(page: Page, title: string, result?: Locator): Promise<void> {
  await pick(page, "F1", `>${title}`, title, result);
}

/** Opens a file of the workspace by its name. */
export async function openFile(page: Page, name: string): Promise<void> {
  await pick(page, "ControlOrMeta+P", name, name, page.locator(".tab.active").filter({ hasText: name }).first());
}

/** A list that is open does not learn of commands that extensions announce later: it is opened until the row is there. */
async function pick(page: Page, key: string, text: string, label: string, result?: Locator): Promise<void> {
  const row = page
    .locator(".quick-input-list .monaco-list-row")
    .filter({ has: page.locator(".label-name").getByText(label, { exact: true }) })
    .first();
  await gesture(page, async () => {
    await page.keyboard.press(key);
    await page.locator(".quick-input-widget input.input").fill(text, { timeout: GESTURE_MS });
    await row.click({ timeout: GESTURE_MS });
    // A click may be lost, too.
    await result?.waitFor({ timeout: GESTURE_MS });
  });
}
