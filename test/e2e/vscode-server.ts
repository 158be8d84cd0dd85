import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { installedExtensions, SERVER_COMMAND } from "./installed-extension";

/** A VS Code server that runs with a profile of its own and the packaged extension. */
export interface VscodeServer {
  /** Such as http://127.0.0.1:41234. */
  readonly origin: string;
  /** Extension hosts and sidecars are below this process, in its group. */
  readonly pid: number;
  stop(): Promise<void>;
}

export interface ServerOptions {
  /** User settings beside those that keep the window quiet. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Language of the user interface, such as zh-cn. */
  readonly locale?: string;
  /** Whether workspaces are trusted without asking (the default). */
  readonly trusted?: boolean;
  /** What is installed; the packaged extension by default. */
  readonly extensionsFolder?: string;
  /** Added to the environment of the server and its extension hosts. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether the window may be told to run a suite of tests in its extension host. */
  readonly runsSuite?: boolean;
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

// On two busy cores; what takes longer hangs.
const READY_TIMEOUT_MS = 60_000;

/** Starts a server whose profile lies in `home`, an empty folder, and waits until it answers. */
export async function startVscodeServer(home: string, options: ServerOptions = {}): Promise<VscodeServer> {
  writeProfile(home, options);
  const port = await freePort();
  const server = startServer(home, port, options);
  const origin = `http://127.0.0.1:${port}`;
  await answering(`${origin}/healthz`, server);
  return { origin, pid: server.pid!, stop: () => endGroup(server) };
}

function writeProfile(home: string, options: ServerOptions): void {
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

function startServer(home: string, port: number, options: ServerOptions): ChildProcess {
  const [node, entry] = SERVER_COMMAND;
  const log = openSync(join(home, "server.log"), "a");
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(VSCODE_|ELECTRON_|NODE_)/.test(name)),
  );
  const profile = ["--config", join(home, "config.yaml"), "--user-data-dir", join(home, "data")];
  const quiet = ["--auth", "none", "--disable-telemetry", "--disable-update-check", "--ignore-last-opened"];
  const trust = (options.trusted ?? true) ? ["--disable-workspace-trust"] : [];
  const locale = options.locale === undefined ? [] : ["--locale", options.locale];
  const extensions = ["--extensions-dir", options.extensionsFolder ?? installedExtensions()];
  const suite = options.runsSuite === true ? ["--vscode-option", "enable-smoke-test-driver"] : [];
  // prettier-ignore
  const args = [entry, ...profile, ...extensions, ...quiet, ...trust, ...locale, ...suite, "--bind-addr", `127.0.0.1:${port}`];
  const server = spawn(node, args, {
    stdio: ["ignore", log, log],
    // Without a gallery there is nothing to look up.
    env: { ...environment, ...options.environment, EXTENSIONS_GALLERY: "{}" },
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
