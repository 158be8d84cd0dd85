import { readFile } from "node:fs/promises";
import { join, posix, relative, sep } from "node:path";
import { locateAsset, prepareAssetFolder } from "../assets/asset-path";
import { fileNameFromPrompt } from "../files/file-name";
import { checkOutputTargets } from "../files/output-file";
import type { GenerateParams, GenerateResult, GenerationProgress } from "../protocol";
import { generateWith, type Workshop } from "../server/workshop";
import { pictureLink } from "./picture-link";
import type { ToolInput } from "./tool-input";

/** A picture as an agent learns of it. */
export interface AgentPicture {
  readonly path: string;
  readonly markdown: string;
  readonly seed: string;
  readonly width: number;
  readonly height: number;
  readonly steps: number;
}

export interface PictureContext {
  /** Absolute; files go into it and nowhere else. */
  readonly folder: string;
  readonly workshop: Workshop;
  readonly compute: Pick<GenerateParams, "provider" | "precision">;
  readonly signal: AbortSignal;
  /** `number` counts the pictures from 0. */
  readonly onProgress: (number: number, progress: GenerationProgress) => void;
}

/**
 * Makes the pictures that an agent asks for, one after the other, and yields each when its file is on the disk. Throws
 * a SanaError; pictures that were yielded before stay.
 */
export async function* makePictures(
  { count, seed, path, ...request }: ToolInput,
  { folder, workshop, compute, signal, onProgress }: PictureContext,
): AsyncGenerator<{ picture: AgentPicture; png: Uint8Array }> {
  const discardFolders = path === undefined ? undefined : await prepareAssetFolder(folder, path);
  try {
    const outputs = await outputsOf({ folder, path, count, prompt: request.prompt });
    for (const [number, output] of outputs.entries()) {
      const result = await generateWith(
        workshop,
        { ...request, ...compute, ...(seed === undefined ? {} : { seed: String(seed + number) }), output },
        {
          signal,
          onProgress: (progress) => {
            onProgress(number, progress);
          },
        },
      );
      yield { picture: describe(result, folder, request.prompt), png: await readFile(result.path) };
    }
  } finally {
    await discardFolders?.();
  }
}

/** Where the pictures go, found free before the first is made: the agent's own names, or ones from the prompt. */
async function outputsOf(request: {
  folder: string;
  path: string | undefined;
  count: number;
  prompt: string;
}): Promise<GenerateParams["output"][]> {
  const { folder, path, count, prompt } = request;
  if (path === undefined) {
    const file = join(folder, `${fileNameFromPrompt(prompt)}.png`);
    return Array.from({ length: count }, () => ({ path: file, ifExists: "number" }));
  }
  const { dir, name, ext } = posix.parse(path);
  const paths = Array.from({ length: count }, (_, i) =>
    locateAsset(folder, posix.join(dir, i === 0 ? name + ext : `${name}-${i + 1}${ext}`)),
  );
  await checkOutputTargets(paths.map((target) => ({ path: target, ifExists: "refuse" })));
  return paths.map((target) => ({ path: target, ifExists: "error" }));
}

function describe(result: GenerateResult, folder: string, prompt: string): AgentPicture {
  const { path, seed, width, height, steps } = result;
  const link = relative(folder, path).split(sep).join("/");
  return { path, markdown: pictureLink(link, prompt), seed, width, height, steps };
}
