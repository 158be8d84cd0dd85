// A second extension, in the same extension host as Sana: measures there what the bench asks for.
import { writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { createRequire } from "node:module";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as vscode from "vscode";
import { ActivationWatch } from "./activation-watch";
import type { EventLoopDelay, HostMemory, ProbeAnswers } from "./probe-requests";
import { SidecarTap } from "./sidecar-tap";

// How often a timer looks; what it is late by is the delay.
const RESOLUTION_MS = 10;

/** Starts before Sana ("*" comes before a document's language), so that it sees the sidecar's process start. */
export function activate(context: vscode.ExtensionContext): void {
  const sana = vscode.extensions.getExtension<unknown>("sana-vscode.sana")!;
  const empty = vscode.extensions.getExtension<unknown>("sana-bench.empty")!;
  const watch = new ActivationWatch(join(sana.extensionPath, "dist", "extension.cjs"));
  const emptyWatch = new ActivationWatch(join(empty.extensionPath, "empty.cjs"));
  const tap = new SidecarTap();
  const eventLoop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const answers: { [Request in keyof ProbeAnswers]: () => ProbeAnswers[Request] | Promise<ProbeAnswers[Request]> } = {
    activation: () => watch.activation,
    emptyActivation: () => emptyWatch.activation,
    loadedFiles: () =>
      Object.keys(createRequire(__filename).cache).filter((path) => path.startsWith(sana.extensionPath)),
    watchEventLoop: () => {
      eventLoop.reset();
      eventLoop.enable();
      return null;
    },
    eventLoopDelay: () => {
      eventLoop.disable();
      return delayOf(eventLoop);
    },
    memory: memoryWithoutGarbage,
    sidecarEvents: () => tap.take(),
  };
  const server = createServer((socket) => {
    createInterface({ input: socket }).on("line", (line) => {
      const answer = async (): Promise<void> => {
        socket.end(JSON.stringify(await answers[line as keyof ProbeAnswers]()));
      };
      answer().catch((error: unknown) => socket.destroy(error as Error));
    });
  }).listen(0, "127.0.0.1", () => {
    writeFileSync(join(context.extensionPath, "port"), String((server.address() as AddressInfo).port));
  });
  context.subscriptions.push(
    { dispose: () => server.close() },
    vscode.commands.registerCommand("probe.openWebview", () => {
      const panel = vscode.window.createWebviewPanel("probe", "Probe", vscode.ViewColumn.Beside, {
        enableScripts: true,
      });
      panel.webview.html = "<!doctype html><textarea></textarea><script>document.body.firstChild.focus()</script>";
    }),
  );
}

/** The histogram holds the whole time between two looks, in nanoseconds. */
function delayOf(histogram: ReturnType<typeof monitorEventLoopDelay>): EventLoopDelay {
  const late = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  return { p50: late(histogram.percentile(50)), p99: late(histogram.percentile(99)), max: late(histogram.max) };
}

async function memoryWithoutGarbage(): Promise<HostMemory> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // What is released by finalisers is collected by the next round.
  for (let round = 0; round < 3; round++) {
    collect();
    await sleep(200);
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { used: heapUsed + external, resident: rss };
}
