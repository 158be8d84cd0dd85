import { plainText } from "./plain-text";

/** A picture that a line refers to, by a path that is relative to the document or to the workspace. */
export interface ImageReference {
  /** Columns in the line, from 0; `end` is behind the last one. */
  readonly start: number;
  readonly end: number;
  readonly alt: string;
  /** Decoded, with forward slashes; from the workspace folder on where it starts with a slash. */
  readonly path: string;
}

const MARKDOWN_IMAGE =
  /!\[((?:\\.|[^\]\\])*)\]\(\s*(?:<([^<>]*)>|([^\s()<>]+(?:\([^\s()]*\)[^\s()]*)*))(?:\s+(?:"[^"]*"|'[^']*'))?\s*\)/g;
const HTML_IMAGE = /<img\b[^>]*>/gi;

/** The PNG pictures of a line that have a path and say what they show; Markdown's and HTML's. */
export function imagesOf(line: string): ImageReference[] {
  const images: ImageReference[] = [];
  for (const match of line.matchAll(MARKDOWN_IMAGE)) {
    add(images, match, plainText("markdown", match[1]!), match[2] ?? match[3]!);
  }
  for (const match of line.matchAll(HTML_IMAGE)) {
    add(images, match, unescaped(attribute(match[0], "alt")), unescaped(attribute(match[0], "src")));
  }
  return images;
}

function add(images: ImageReference[], match: RegExpExecArray, alt: string, url: string): void {
  const path = pathOf(url);
  if (path === null || alt.trim() === "") return;
  images.push({ start: match.index, end: match.index + match[0].length, alt: alt.trim(), path });
}

/** Null for what is no file of the workspace, and for other formats than the one that is made. */
function pathOf(url: string): string | null {
  if (/^(?:[A-Za-z][A-Za-z0-9+.-]*:|\/\/)/.test(url)) return null;
  const [address] = url.split(/[?#]/);
  try {
    const path = decodeURIComponent(address!.replaceAll("\\", "/"));
    // eslint-disable-next-line no-control-regex -- no file has such a name
    return /\.png$/i.test(path) && !/[\u0000-\u001f]/.test(path) ? path : null;
  } catch {
    return null;
  }
}

function attribute(tag: string, name: string): string {
  const match = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, "i").exec(tag);
  return match?.[1] ?? match?.[2] ?? "";
}

function unescaped(text: string): string {
  return text.replaceAll("&quot;", '"').replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
}
