import {
  getNodeValue,
  parseTree,
  printParseErrorCode,
  findNodeAtLocation,
  type Node,
  type ParseError,
} from "jsonc-parser";
import { extname } from "node:path";
import * as v from "valibot";
import { SanaError } from "../errors";
import { readInputFile } from "../files/input-file";
import { pathIdentity } from "./asset-path";
import {
  ManifestSchema,
  type AssetEntry,
  type AssetFormat,
  type AssetSize,
  type ManifestContents,
} from "./manifest-schema";

/** A thousand assets with long prompts; keeps a mistaken path from being read into memory. */
const MAX_MANIFEST_BYTES = 16 * 2 ** 20;

/** UTF-16 units from the text's beginning. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/** What is wrong with a manifest and where. */
interface ManifestIssue {
  /** What is of the kinds `syntax` and `schema` an editor finds out by itself: it knows JSON and manifest-json-schema.ts. */
  readonly kind: "syntax" | "schema" | "value" | "duplicate-path" | "format";
  /** One line that names the key and what is allowed. */
  readonly message: string;
  readonly range: TextRange;
}

/** One file that is made of a picture. */
export interface AssetFile {
  /** As the manifest writes paths. */
  readonly path: string;
  readonly format: AssetFormat;
  /** How wide: pixels, or a share of the picture's own width. */
  readonly width: { readonly pixels: number } | { readonly share: number };
}

/** A picture of the manifest with the defaults filled in. */
export interface Asset {
  /** Of the first file, which names the asset in the lock file. */
  readonly path: string;
  /** With the style. */
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly alt: string;
  readonly seed: bigint;
  /** Undefined numbers are the model's. */
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly steps: number | undefined;
  readonly guidanceScale: number | undefined;
  /** As the manifest writes it: a folder, or the name of a bundled model; undefined is the program's own. */
  readonly model: string | undefined;
  readonly transparent: boolean;
  /** The first is `path`. */
  readonly files: readonly AssetFile[];
  /** Where the manifest says `path`, and where it says everything about the asset. */
  readonly pathRange: TextRange;
  readonly range: TextRange;
}

export interface Manifest {
  readonly assets: readonly Asset[];
  /** Empty for a manifest that can be built. */
  readonly issues: readonly ManifestIssue[];
}

/** Reads and checks a manifest. Throws `invalid-input-file` naming the file, line and column of the first issue. */
export async function readManifest(file: string): Promise<Manifest> {
  const text = await readManifestText(file);
  const manifest = parseManifest(text);
  const [issue] = manifest.issues;
  if (issue !== undefined) {
    const before = text.slice(0, issue.range.start).split("\n");
    const place = `${before.length}:${before.at(-1)!.length + 1}`;
    const more = manifest.issues.length === 1 ? "" : ` (and ${manifest.issues.length - 1} more)`;
    throw new SanaError("invalid-input-file", `${file}:${place}: ${issue.message}${more}`);
  }
  return manifest;
}

/** Throws `invalid-input-file` for what is no text, too large, or cannot be read. */
export async function readManifestText(file: string): Promise<string> {
  return decodeUtf8(await readInputFile(file, { maxBytes: MAX_MANIFEST_BYTES }), file);
}

/**
 * A manifest's text, in which comments and trailing commas are allowed. Never throws: what is wrong becomes issues, and
 * the assets are those that can be understood.
 */
export function parseManifest(text: string): Manifest {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const issues = errors.map(syntaxIssue);
  if (root?.type !== "object") {
    if (issues.length > 0) return { assets: [], issues };
    const range = root === undefined ? { start: 0, end: 0 } : rangeOf(root);
    const message = root === undefined ? "not valid JSON: the file is empty" : "the manifest must be an object";
    return { assets: [], issues: [{ kind: root === undefined ? "syntax" : "schema", message, range }] };
  }
  const contents = getNodeValue(root) as Record<string, unknown>;
  const parsed = v.safeParse(ManifestSchema, contents);
  for (const issue of parsed.issues ?? []) issues.push(schemaIssue(issue, root));
  const understood = parsed.success
    ? { ...parsed.output, indices: [...parsed.output.assets.keys()] }
    : withoutFaulty(contents, parsed.issues);
  const assets = understood.assets.map((entry, place) =>
    describeAsset(understood.defaults, entry, { root, index: understood.indices[place]!, issues }),
  );
  findDuplicates(assets, issues);
  return { assets, issues };
}

/** The manifest without the assets that have issues, and where the others are; empty where the issues are elsewhere. */
function withoutFaulty(
  contents: Record<string, unknown>,
  issues: readonly v.BaseIssue<unknown>[],
): ManifestContents & { indices: number[] } {
  const faulty = new Set(issues.map(({ path = [] }) => (path[0]?.key === "assets" ? path[1]?.key : undefined)));
  if (faulty.has(undefined)) return { defaults: {}, assets: [], indices: [] };
  const entries = contents.assets as readonly unknown[];
  const indices = [...entries.keys()].filter((index) => !faulty.has(index));
  const rest = v.parse(ManifestSchema, { ...contents, assets: indices.map((index) => entries[index]) });
  return { ...rest, indices };
}

function describeAsset(
  defaults: ManifestContents["defaults"],
  entry: AssetEntry,
  context: { root: Node; index: number; issues: ManifestIssue[] },
): Asset {
  const { root, index, issues } = context;
  const node = findNodeAtLocation(root, ["assets", index])!;
  const pathNode = findNodeAtLocation(node, ["path"])!;
  const settings = { ...defaults, ...entry };
  const { style = "", sizes = [], transparent = false } = settings;

  const complain = (message: string, key: string): void => {
    issues.push({ kind: "format", message, range: rangeOf(findNodeAtLocation(node, [key]) ?? pathNode) });
  };
  const known = formatOf(entry.path);
  const format = entry.format ?? known ?? defaults.format ?? "png";
  if (known !== undefined && format !== known) {
    complain(`format is ${format}, but the extension of path says ${known}`, "format");
  }
  const path = extname(entry.path) === "" ? `${entry.path}.${EXTENSIONS[format][0]!}` : entry.path;
  const files = describeFiles({ path, format, sizes });
  for (const file of files) {
    const key = file.path === path ? "path" : "sizes";
    const itsFormat = formatOf(file.path);
    if (itsFormat === undefined) complain(`${file.path} must end with .png, .webp, .jpg or .jpeg`, key);
    if (transparent && itsFormat === "jpeg")
      complain(`${file.path} cannot be transparent: jpeg has no transparency`, key);
  }
  return {
    path,
    prompt: style.trim() === "" ? entry.prompt : `${entry.prompt}, ${style}`,
    negativePrompt: settings.negativePrompt ?? "",
    alt: entry.alt ?? entry.prompt,
    seed: BigInt(settings.seed ?? 0),
    width: settings.width,
    height: settings.height,
    steps: settings.steps,
    guidanceScale: settings.guidanceScale,
    model: settings.model,
    transparent,
    files,
    pathRange: rangeOf(pathNode),
    range: rangeOf(node),
  };
}

const EXTENSIONS: Record<AssetFormat, readonly string[]> = { png: ["png"], webp: ["webp"], jpeg: ["jpg", "jpeg"] };

function formatOf(path: string): AssetFormat | undefined {
  const extension = extname(path).slice(1).toLowerCase();
  return (Object.keys(EXTENSIONS) as AssetFormat[]).find((format) => EXTENSIONS[format].includes(extension));
}

/** The asset's own file first. With densities it is the one for 1x and the largest density is as large as the picture. */
function describeFiles(asset: { path: string; format: AssetFormat; sizes: readonly AssetSize[] }): AssetFile[] {
  const { path, format, sizes } = asset;
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  const densities = sizes.filter((size) => typeof size === "string").map((size) => Number.parseInt(size, 10));
  const largest = Math.max(1, ...densities);
  const own: AssetFile = { path, format, width: { share: 1 / largest } };
  const copies = sizes.flatMap((size): AssetFile[] => {
    if (typeof size === "number") return [{ path: `${stem}-${size}${extension}`, format, width: { pixels: size } }];
    if (typeof size === "object") {
      const itsPath = extname(size.path) === "" ? `${size.path}${extension}` : size.path;
      return [{ path: itsPath, format: formatOf(itsPath) ?? format, width: { pixels: size.width } }];
    }
    const density = Number.parseInt(size, 10);
    return density === 1 ? [] : [{ path: `${stem}@${size}${extension}`, format, width: { share: density / largest } }];
  });
  return [own, ...copies];
}

/** Two assets, or two sizes of one, must not meet in a file. */
function findDuplicates(assets: readonly Asset[], issues: ManifestIssue[]): void {
  const seen = new Set<string>();
  for (const asset of assets) {
    for (const { path } of asset.files) {
      const identity = pathIdentity(path);
      if (seen.has(identity)) {
        issues.push({
          kind: "duplicate-path",
          message: `${path} is made twice; each path must be unique`,
          range: asset.pathRange,
        });
      }
      seen.add(identity);
    }
  }
}

function syntaxIssue({ error, offset, length }: ParseError): ManifestIssue {
  const message = `not valid JSON: ${wordsOf(printParseErrorCode(error))}`;
  return { kind: "syntax", message, range: { start: offset, end: offset + length } };
}

function schemaIssue(issue: v.BaseIssue<unknown>, root: Node): ManifestIssue {
  const keys = (issue.path ?? []).map((item) => item.key as string | number);
  const name = keys
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${key}`))
    .join("")
    .replace(/^\./, "");
  // What is missing has no place of its own: then it is the nearest thing around it.
  let depth = keys.length;
  let node = findNodeAtLocation(root, keys);
  while (node === undefined) node = findNodeAtLocation(root, keys.slice(0, (depth -= 1)));
  const message = `${name === "" ? "the manifest" : name} ${issue.message}`;
  return { kind: issue.type === "check" ? "value" : "schema", message, range: rangeOf(node) };
}

function rangeOf(node: Node): TextRange {
  return { start: node.offset, end: node.offset + node.length };
}

/** "CommaExpected" to "comma expected". */
function wordsOf(code: string): string {
  return code.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter}`).toLowerCase();
}

function decodeUtf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SanaError("invalid-input-file", `${file}: it is not UTF-8`);
  }
}
