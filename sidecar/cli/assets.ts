import { SingleBar } from "cli-progress";
import { Command } from "commander";
import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { openAssetModel } from "../assets/asset-model";
import type { BuildEvent, BuildResult } from "../assets/build";
import { readLock } from "../assets/lock-file";
import { readManifest, type Asset } from "../assets/manifest";
import { planAssets, type PlanContext } from "../assets/plan";
import { reasonText } from "../assets/reason";
import { SanaError } from "../errors";
import { MANIFEST_NAME } from "../protocol";
import {
  chosenModel,
  computeOptions,
  modelOption,
  notify,
  overwriteOption,
  qualityOption,
  type CommonOptions,
  type ModelOptions,
} from "./common-options";
import { toJson } from "./json";
import { print } from "./print";

interface AssetsOptions extends CommonOptions, ModelOptions {
  readonly check?: boolean;
  readonly json?: boolean;
}

/** A workshop that ends with the command has no use for an idle time. */
const IDLE_MS = 60 * 60_000;

/** `sana assets`: the pictures of a workspace. */
export function assetsCommand(): Command {
  const command = new Command("assets")
    .description(`make the pictures that a ${MANIFEST_NAME} declares, where they are missing or out of date`)
    .argument("[file]", "the file, or its folder", MANIFEST_NAME)
    .option("--check", "make nothing; exit code 1 where something is missing or out of date")
    .addOption(modelOption())
    .addOption(qualityOption())
    .addOption(overwriteOption())
    .option("--json", "print one JSON object");
  for (const option of computeOptions()) command.addOption(option);
  return command.action((file: string, options: AssetsOptions) => runAssets(file, options));
}

async function runAssets(argument: string, options: AssetsOptions): Promise<void> {
  const file = (await isFolder(argument)) ? join(argument, MANIFEST_NAME) : argument;
  const { assets } = await readManifest(file);
  const controller = new AbortController();
  const stop = (): void => {
    controller.abort();
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
  const { signal } = controller;
  const context: PlanContext = {
    folder: dirname(resolve(file)),
    defaultModel: resolve(chosenModel(options)),
    trusted: true,
    openModel: (folder) => openAssetModel(folder, signal),
  };
  try {
    if (options.check === true) await check(assets, { ...options, file, context });
    else await build(assets, { ...options, file, context, signal });
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

async function check(
  assets: readonly Asset[],
  options: AssetsOptions & { file: string; context: PlanContext },
): Promise<void> {
  const { file, context } = options;
  const plan = await planAssets(assets, await readLock(context.folder), context);
  const stale = plan.assets.filter(({ state }) => state !== "up-to-date");
  const upToDate = plan.assets.filter(({ state }) => state === "up-to-date").map(({ asset }) => asset.path);
  if (options.json === true) {
    const problems = stale.map(({ asset, state, reason }) => ({ path: asset.path, state, reason: reasonText(reason) }));
    await print(`${toJson({ manifest: resolve(file), upToDate, stale: problems, orphans: plan.orphans })}\n`);
  } else {
    const lines = stale.map(({ asset, state, reason }) => `${state}: ${asset.path} (${reasonText(reason)})\n`);
    lines.push(...plan.orphans.map((path) => `orphaned: ${path}\n`));
    await print(`${lines.join("")}${upToDate.length} up to date\n`);
  }
  if (stale.length > 0) {
    throw new SanaError("output-failed", `${file}: ${stale.length} of ${assets.length} assets are not up to date`);
  }
}

async function build(
  assets: readonly Asset[],
  options: AssetsOptions & { file: string; context: PlanContext; signal: AbortSignal },
): Promise<void> {
  const { file, context, provider, precision } = options;
  // Checking needs none of what computes.
  const [{ openWorkshop }, { assetGenerator }, { buildAssets }] = await Promise.all([
    import("../server/workshop"),
    import("../assets/generate-picture"),
    import("../assets/build"),
  ]);
  const workshop = openWorkshop({ model: context.defaultModel, idleMs: IDLE_MS });
  const progress = new BuildProgress();
  try {
    const result = await buildAssets(assets, {
      ...context,
      generate: assetGenerator(workshop, { provider, precision }),
      signal: options.signal,
      overwrite: options.overwrite === true,
      onEvent: (event) => {
        progress.event(event);
      },
    });
    progress.stop();
    await report(result, { ...options, file });
  } finally {
    progress.stop();
    await workshop.end();
  }
}

async function report(
  { built, upToDate, failed, orphans }: BuildResult,
  { file, json }: { file: string; json?: boolean },
): Promise<void> {
  if (json === true) {
    await print(`${toJson({ manifest: resolve(file), built, upToDate, failed, orphans })}\n`);
  } else {
    const lines = [...built.map((path) => `built: ${path}\n`), ...orphans.map((path) => `orphaned: ${path}\n`)];
    await print(`${lines.join("")}${built.length} built, ${upToDate.length} up to date\n`);
  }
  if (failed.length > 0) {
    throw new SanaError(
      "output-failed",
      `${file}: ${failed.length} of ${built.length + upToDate.length + failed.length} assets failed`,
    );
  }
}

/** Failures and waiting on stderr at once; a bar where stderr is a terminal. */
class BuildProgress {
  private bar: SingleBar | undefined;

  event(event: BuildEvent): void {
    if (event.type === "waiting") {
      notify(`waiting for process ${event.processId}, which makes the same assets`);
    } else if (event.type === "planned" && event.total > 0 && process.stderr.isTTY) {
      this.bar = new SingleBar({
        format: "{bar} {percentage}% | {path} | {eta_formatted} left",
        stream: process.stderr,
        hideCursor: true,
        clearOnComplete: true,
        etaBuffer: 5,
      });
      this.bar.start(event.total, 0, { path: "" });
    } else if (event.type === "progress") {
      this.bar?.update(event.index + event.fraction, { path: event.path });
    } else if (event.type === "failed") {
      notify(`${event.path}: ${event.message}`);
    }
  }

  stop(): void {
    this.bar?.stop();
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}
