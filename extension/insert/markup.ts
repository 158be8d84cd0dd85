import { graphemes } from "../text/graphemes";

/** A picture as a document refers to it. */
export interface LinkedPicture {
  /** From the document to the file, or absolute; with forward slashes, not encoded. */
  readonly path: string;
  /** What the picture shows, for who cannot see it: the prompt. */
  readonly alt: string;
}

/** The text of the lines around the place, without the place itself. */
export interface Surroundings {
  readonly before: string;
  readonly after: string;
}

const MAX_ALT_LENGTH = 300;

type Markup = (picture: LinkedPicture, around: Surroundings) => string;

const BY_LANGUAGE: Readonly<Record<string, Markup>> = {
  markdown,
  mdx,
  html,
  "vue-html": html,
  vue: html,
  svelte: html,
  astro: html,
  handlebars: html,
  php: html,
  javascriptreact: jsx,
  typescriptreact: jsx,
  asciidoc,
  restructuredtext,
  latex,
  tex: latex,
  typst,
  css,
  scss: css,
  sass: css,
  less: css,
  stylus: css,
  postcss: css,
};

/** What refers to the picture in a document of that language; in a language without pictures, the path. */
export function pictureMarkup(languageId: string, picture: LinkedPicture, around: Surroundings): string {
  const markup = Object.hasOwn(BY_LANGUAGE, languageId) ? BY_LANGUAGE[languageId]! : pathAlone;
  return markup({ path: picture.path, alt: altText(picture.alt) }, around);
}

/** Languages whose paragraphs and headings can be illustrated. */
export const PROSE_LANGUAGES: readonly string[] = ["markdown", "mdx", "asciidoc", "restructuredtext", "latex", "typst"];

/**
 * Percent-encodes every character that a URL's path may not hold, and those that would end a link. An absolute path
 * becomes a file's URL: without that, Markdown takes it for one from the workspace folder on.
 */
export function encodePath(path: string): string {
  const drive = /^[A-Za-z]:(?=\/)/.exec(path)?.[0] ?? "";
  const encoded = path.slice(drive.length).split("/").map(encodeSegment).join("/");
  if (drive !== "") return `file:///${drive}${encoded}`;
  return path.startsWith("/") ? `file://${encoded}` : encoded;
}

function encodeSegment(segment: string): string {
  return encodeURIComponent(segment.replaceAll(/\p{Surrogate}/gu, "\ufffd")).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function markdown({ path, alt }: LinkedPicture): string {
  return `![${escapeMarkdown(alt)}](${encodePath(path)})`;
}

/** MDX reads braces as expressions as well. */
function mdx({ path, alt }: LinkedPicture): string {
  return `![${escapeMarkdown(alt).replaceAll(/[{}]/g, "\\$&")}](${encodePath(path)})`;
}

/** What has a meaning in text of CommonMark, GitHub's tables or formulas. */
function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>&|$~]/g, "\\$&");
}

function html({ path, alt }: LinkedPicture): string {
  return `<img src="${encodePath(path)}" alt="${escapeAttribute(alt)}">`;
}

function jsx({ path, alt }: LinkedPicture): string {
  return `<img src="${encodePath(path)}" alt="${escapeAttribute(alt)}" />`;
}

function escapeAttribute(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

/** A macro with two colons stands alone in its line, one with a single colon stands in the text. */
function asciidoc({ path, alt }: LinkedPicture, { before, after }: Surroundings): string {
  const alone = (before + after).trim() === "";
  const escaped = alt.replaceAll(/[\]{]/g, "\\$&");
  const text = /[,="]/.test(escaped) ? `"${escaped.replaceAll('"', '\\"')}"` : escaped;
  return `image:${alone ? ":" : ""}${encodePath(path)}[${text}]`;
}

/**
 * A directive is a paragraph of its own. Sphinx takes the path as a file's name, docutils as a URL, so that characters
 * that both understand as they are stay as they are.
 */
function restructuredtext({ path, alt }: LinkedPicture, { before, after }: Surroundings): string {
  const indent = /^\s*/.exec(before)![0];
  const ownParagraph = before.trim() === "" ? "" : `\n\n${indent}`;
  const rest = after.trim() === "" ? "" : `\n\n${indent}`;
  const target = encodePath(path).replaceAll(/(?:%[89A-F][0-9A-F])+/g, decodeURIComponent);
  return `${ownParagraph}.. image:: ${target}\n${indent}   :alt: ${alt}${rest}`;
}

/** LaTeX opens files by their names: nothing is encoded. */
function latex({ path, alt }: LinkedPicture): string {
  const file = path.replaceAll(/[%#]/g, "\\$&");
  return `\\includegraphics[width=\\linewidth,alt={${escapeLatex(alt)}}]{${file}}`;
}

function escapeLatex(text: string): string {
  const names: Readonly<Record<string, string>> = {
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
  };
  return text.replaceAll(/[\\~^{}$&#_%]/g, (character) => names[character] ?? `\\${character}`);
}

/** Typst opens files by their names, too. */
function typst({ path, alt }: LinkedPicture): string {
  return `#image("${escapeString(path)}", alt: "${escapeString(alt)}")`;
}

function escapeString(text: string): string {
  return text.replaceAll(/[\\"]/g, "\\$&");
}

/** The value of a property: no place for words. */
function css({ path }: LinkedPicture): string {
  return `url("${encodePath(path)}")`;
}

function pathAlone({ path }: LinkedPicture): string {
  return path;
}

/** One line, cut where nobody would listen any longer. */
function altText(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is replaced
  const line = text.replaceAll(/[\s\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();
  const characters = graphemes(line);
  return characters.length > MAX_ALT_LENGTH
    ? `${characters
        .slice(0, MAX_ALT_LENGTH - 1)
        .join("")
        .trimEnd()}…`
    : line;
}
