import { posix } from "node:path";

/**
 * Where a document's pictures go. All paths are those of URIs: forward slashes, `/c:/…` on Windows.
 */
export interface DestinationRequest {
  /** Of the document, or of the notebook that a cell belongs to. */
  readonly documentPath: string;
  /** The workspace folder that holds the document; null where none does. */
  readonly workspacePath: string | null;
  /** With its extension. */
  readonly fileName: string;
  /** `sana.outputFolder`; empty where it is not set. */
  readonly outputFolder: string;
  /** `markdown.copyFiles.destination`: glob of documents → destination. Only asked for Markdown documents. */
  readonly copyFilesDestination: Readonly<Record<string, string>>;
  /** Whether the document matches a glob pattern. */
  readonly matches: (glob: string) => boolean;
}

/** The path of the picture's file, by the first of the settings that says something, else beside the document. */
export function destinationOf(request: DestinationRequest): string {
  if (request.outputFolder.trim() !== "") return fromOutputFolder(request);
  for (const [glob, destination] of Object.entries(request.copyFilesDestination)) {
    if (globsOf(glob, request.workspacePath).some(request.matches)) return fromCopyFiles(destination, request);
  }
  return posix.join(posix.dirname(request.documentPath), request.fileName);
}

/** Whether a path lies in the folder or below it, by its text alone: links are followed elsewhere. */
export function isInside(path: string, folder: string): boolean {
  const relative = posix.relative(folder, path);
  return relative !== ".." && !relative.startsWith("../");
}

/** The path from a document to a file, as links write it. */
export function linkPath(documentPath: string, filePath: string): string {
  return posix.relative(posix.dirname(documentPath), filePath);
}

function fromOutputFolder(request: DestinationRequest): string {
  const { documentPath, workspacePath, outputFolder, fileName } = request;
  const variables: Readonly<Record<string, string>> = {
    fileDirname: posix.dirname(documentPath),
    workspaceFolder: workspacePath ?? posix.dirname(documentPath),
    fileBasenameNoExtension: posix.parse(documentPath).name,
  };
  const folder = outputFolder
    .trim()
    .replaceAll(/\$\{(\w+)\}/g, (variable, name: string) => variables[name] ?? variable);
  return posix.join(posix.resolve(posix.dirname(documentPath), uriPath(folder)), fileName);
}

/** A path that a person wrote, perhaps on Windows. */
function uriPath(path: string): string {
  const slashes = path.replaceAll("\\", "/");
  return /^[A-Za-z]:/.test(slashes) ? `/${slashes[0]!.toLowerCase()}${slashes.slice(1)}` : slashes;
}

/** A glob that begins with a slash begins at the workspace folder, any other matches at any depth. */
function globsOf(glob: string, workspacePath: string | null): string[] {
  if (glob.startsWith("/")) return workspacePath === null ? [] : [posix.join(workspacePath, glob)];
  return [glob.startsWith("**") ? glob : `**/${glob}`];
}

/**
 * The destination that a value of `markdown.copyFiles.destination` gives, as VS Code's documentation describes it:
 * variables, `${name/pattern/replacement/}`, a slash at the end for a folder, one at the start for the workspace folder.
 */
function fromCopyFiles(destination: string, request: DestinationRequest): string {
  const { documentPath, workspacePath, fileName } = request;
  const folder = posix.dirname(documentPath);
  const { base, name, ext } = posix.parse(documentPath);
  const now = new Date();
  const variables: Readonly<Record<string, string>> = {
    documentFileName: base,
    documentBaseName: name,
    documentExtName: ext.slice(1),
    documentDirName: folder,
    documentRelativeDirName: workspacePath === null ? folder : posix.relative(workspacePath, folder),
    documentFilePath: documentPath,
    documentWorkspaceFolder: workspacePath ?? folder,
    fileName,
    fileExtName: posix.extname(fileName).slice(1),
    unixTime: String(now.getTime()),
    isoTime: now.toISOString(),
  };
  let pattern = destination.trim() === "" ? "${fileName}" : destination.trim();
  if (pattern.startsWith("/")) pattern = `\${documentWorkspaceFolder}${pattern}`;
  if (pattern.endsWith("/")) pattern += "${fileName}";
  const filled = pattern.replaceAll(VARIABLE, (whole, name: string | undefined, search?: string, replacement = "") => {
    if (name === undefined) return "$";
    const value = Object.hasOwn(variables, name) ? variables[name]! : whole;
    return search === undefined ? value : transformed(value, search, replacement as string);
  });
  return posix.resolve(folder, filled);
}

/** An escaped dollar sign, or `${name}` with, perhaps, `/pattern/replacement/`, in which slashes are escaped. */
const VARIABLE = /\\\$|\$\{(\w+)(?:\/((?:\\.|[^/\\}])+)\/((?:\\.|[^/\\}])*)\/)?\}/g;

function transformed(value: string, search: string, replacement: string): string {
  const unescaped = (text: string): string => text.replaceAll("\\/", "/").replaceAll("\\}", "}");
  try {
    return value.replace(new RegExp(unescaped(search)), unescaped(replacement));
  } catch {
    // What is no regular expression finds nothing.
    return value;
  }
}
