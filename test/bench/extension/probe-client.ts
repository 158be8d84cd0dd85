import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect } from "node:net";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { installedExtensions } from "../../e2e/installed-extension";
import type { ProbeAnswers } from "./probe-requests";

const SANA = "sana-vscode.sana";
const PROBE = "sana-bench.probe";
const EMPTY = "sana-bench.empty";

// An extension host on two busy cores; what takes longer hangs.
const READY_TIMEOUT_MS = 60_000;
/** From the start of its extension host until a window has nothing else to do. */
const QUIET_AFTER_MS = 8000;

/** The probe in the extension host of the window that is open. */
export class Probe {
  private constructor(
    /** To start VS Code with: it has the packaged Sana, the probe and an extension that does nothing. */
    readonly extensionsFolder: string,
    /** Where Sana is installed. */
    readonly sanaFolder: string,
  ) {}

  /** Writes that extensions folder into an empty folder. */
  static install(folder: string): Probe {
    const [probe, empty] = [join(folder, PROBE), join(folder, EMPTY)];
    mkdirSync(probe);
    cpSync(resolve("test", "bench", "extension", "probe", "package.json"), join(probe, "package.json"));
    cpSync(resolve("dist", "bench", "extension", "probe.cjs"), join(probe, "probe.cjs"));
    cpSync(resolve("test", "bench", "extension", "empty"), empty, { recursive: true });
    const installed = installedExtensions();
    const name = readdirSync(installed).find((entry) => entry.startsWith(SANA))!;
    const version = name.slice(SANA.length + 1);
    const sana = join(installed, name);
    const entry = (id: string, version: string, path: string) => {
      const location = { $mid: 1, path, scheme: "file" };
      return { identifier: { id }, version, location, metadata: { source: "vsix" } };
    };
    const list = [entry(SANA, version, sana), entry(PROBE, "0.0.1", probe), entry(EMPTY, "0.0.1", empty)];
    writeFileSync(join(folder, "extensions.json"), JSON.stringify(list));
    return new Probe(folder, sana);
  }

  /** Resolves when the window that has just been opened has become quiet. */
  async quietWindow(): Promise<void> {
    await this.ask("activation");
    await sleep(QUIET_AFTER_MS);
  }

  /** Asks as soon as the probe is there. */
  async ask<Request extends keyof ProbeAnswers>(request: Request): Promise<ProbeAnswers[Request]> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    for (;;) {
      try {
        const socket = connect({ host: "127.0.0.1", port: Number(readFileSync(this.portFile, "utf8")) });
        socket.setTimeout(READY_TIMEOUT_MS, () => socket.destroy(new Error("no answer")));
        await once(socket, "connect");
        socket.write(`${request}\n`);
        return JSON.parse(await text(socket)) as ProbeAnswers[Request];
      } catch (error) {
        if (Date.now() > deadline) throw new Error(`the probe does not answer "${request}"`, { cause: error });
        await sleep(100);
      }
    }
  }

  /** The next question is for the extension host that starts after this. */
  forget(): void {
    rmSync(this.portFile, { force: true });
  }

  private get portFile(): string {
    return join(this.extensionsFolder, PROBE, "port");
  }
}
