import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { chromium, type BrowserContext, type Page } from "playwright-core";
import { chromiumPath } from "./installation.mjs";
import { installedExtensions, SERVER_COMMAND } from "./installed-extension";

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

interface WorkbenchOptions {
  /** Files of the workspace: name → content. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** User settings beside those that keep the window quiet. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Language of the user interface, such as zh-cn. */
  readonly locale?: string;
  /** Whether the workspace is trusted without asking. */
  readonly trusted?: boolean;
}

const QUIET_SETTINGS = {
  "workbench.startupEditor": "none",
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "workbench.enableExperiments": false,
  "workbench.tips.enabled": false,
  "chat.disableAIFeatures": true,
  "telemetry.telemetryLevel": "off",
  "extensions.autoCheckUpdates": false,
  "extensions.ignoreRecommendations": true,
  "git.openRepositoryInParentFolders": "never",
  "files.simpleDialog.enable": true,
  "files.autoSave": "off",
};

// A browser and a server on two busy cores; what takes longer hangs.
const READY_TIMEOUT_MS = 60_000;

/** Starts a server and a browser, opens the window and waits until it can be used. */
export async function openWorkbench(options: WorkbenchOptions = {}): Promise<Workbench> {
  const home = mkdtempSync(join(tmpdir(), "sana-e2e-"));
  const folder = join(home, "workspace");
  writeProfile(home, options);
  mkdirSync(folder);
  for (const [name, content] of Object.entries(options.files ?? {})) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const port = await freePort();
  const server = startServer(home, port, options);
  const origin = `http://127.0.0.1:${port}`;
  await answering(`${origin}/healthz`, server);

  const browser = await chromium.launchPersistentContext(join(home, "browser"), {
    executablePath: chromiumPath()!,
    viewport: { width: 1400, height: 900 },
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
    ...(options.locale === undefined ? {} : { locale: options.locale }),
  });
  await browser.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
  const externalRequests: string[] = [];
  browser.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (/^(http|ws)/.test(protocol) && hostname !== "127.0.0.1") externalRequests.push(request.url());
  });
  const page = browser.pages()[0] ?? (await browser.newPage());
  page.setDefaultTimeout(READY_TIMEOUT_MS);
  await page.goto(`${origin}/?folder=${encodeURIComponent(folder)}`);
  await page.locator(".statusbar-item").first().waitFor();
  return {
    page,
    browser,
    folder,
    serverPid: server.pid!,
    externalRequests,
    close: async () => {
      await browser.close();
      await endGroup(server);
      rmSync(home, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Runs a command by its full title in the palette, such as "Sana: Show Log". */
export async function runCommand(page: Page, title: string): Promise<void> {
  await pick(page, "F1", `>${title}`, title);
}

/** Opens a file of the workspace by its name. */
export async function openFile(page: Page, name: string): Promise<void> {
  await pick(page, "ControlOrMeta+P", name, name);
  await page.locator(".tab.active").filter({ hasText: name }).waitFor();
}

/** A list that is open does not learn of commands that extensions announce later: it is opened until the row is there. */
async function pick(page: Page, key: string, text: string, label: string): Promise<void> {
  const input = page.locator(".quick-input-widget input.input");
  const row = page
    .locator(".quick-input-list .monaco-list-row")
    .filter({ has: page.locator(".label-name").getByText(label, { exact: true }) })
    .first();
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    await page.keyboard.press(key);
    await input.waitFor();
    await input.fill(text);
    try {
      await row.click({ timeout: 2000 });
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await page.keyboard.press("Escape");
    }
  }
}

function writeProfile(home: string, options: WorkbenchOptions): void {
  const data = join(home, "data");
  mkdirSync(join(data, "User"), { recursive: true });
  writeFileSync(join(home, "config.yaml"), "auth: none\ncert: false\n");
  const settings = { ...QUIET_SETTINGS, "security.workspace.trust.enabled": true, ...options.settings };
  writeFileSync(join(data, "User", "settings.json"), JSON.stringify(settings));
  if (options.locale === undefined) return;
  // No language pack of VS Code's own is needed to make extensions speak the language: an empty one says which it is.
  const translations = join(home, "empty.i18n.json");
  writeFileSync(translations, JSON.stringify({ version: "1.0.0", contents: {} }));
  const languagePack = {
    hash: "empty",
    label: options.locale,
    extensions: [{ extensionIdentifier: { id: "test.language-pack" }, version: "0.0.1" }],
    translations: { vscode: translations },
  };
  writeFileSync(join(data, "languagepacks.json"), JSON.stringify({ [options.locale]: languagePack }));
}

function startServer(home: string, port: number, options: WorkbenchOptions): ChildProcess {
  const [node, entry] = SERVER_COMMAND;
  const log = openSync(join(home, "server.log"), "a");
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VSCODE_|ELECTRON_|NODE_)/.test(name)),
  );
  const profile = ["--config", join(home, "config.yaml"), "--user-data-dir", join(home, "data")];
  const quiet = ["--auth", "none", "--disable-telemetry", "--disable-update-check", "--ignore-last-opened"];
  const trust = (options.trusted ?? true) ? ["--disable-workspace-trust"] : [];
  const locale = options.locale === undefined ? [] : ["--locale", options.locale];
  // prettier-ignore
  const args = [entry, ...profile, "--extensions-dir", installedExtensions(), ...quiet, ...trust, ...locale, "--bind-addr", `127.0.0.1:${port}`];
  const server = spawn(node, args, {
    stdio: ["ignore", log, log],
    // Without a gallery there is nothing to look up.
    env: { ...environment, EXTENSIONS_GALLERY: "{}" },
    // A process group of its own, so that it can be ended with everything below it and nothing else.
    detached: true,
  });
  process.once("exit", () => {
    kill(-server.pid!, "SIGKILL");
  });
  return server;
}

async function endGroup(server: ChildProcess): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    kill(server.pid!, "SIGTERM");
    await Promise.race([once(server, "exit"), sleep(5000)]);
  }
  kill(-server.pid!, "SIGKILL");
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It is gone already.
  }
}

async function answering(url: string, server: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`the VS Code server ended with ${server.exitCode}`);
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return;
    if (Date.now() > deadline) throw new Error(`the VS Code server does not answer at ${url}`);
    await sleep(100);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
