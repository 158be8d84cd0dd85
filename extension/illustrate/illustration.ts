import { blocksOf, type Block } from "./blocks";
import { plainText } from "./plain-text";

/** What a picture in a document should show, and where it should go. */
export interface Illustration {
  readonly prompt: string;
  /** The picture goes below this line, from 0. */
  readonly line: number;
}

/** First and last line of a selection, from 0, and what is selected; empty for a cursor. */
interface Selected {
  readonly startLine: number;
  readonly endLine: number;
  readonly text: string;
}

// Long enough for two sentences, short enough to be read in an input box and by the model.
const MAX_PROMPT = 240;

/**
 * The words of the selection or, for a cursor, of its section: title and first sentences. The picture goes below the
 * block that the selection ends in. The prompt is empty where there are no words.
 */
export function illustrationOf(languageId: string, lines: readonly string[], selected: Selected): Illustration {
  const blocks = blocksOf(languageId, lines);
  const line = lineBelow(blocks, selected.endLine, selected.text === "" ? null : selected);
  const words = plainText(languageId, selected.text);
  if (words !== "") return { prompt: shortened(words), line };
  return { prompt: sectionPrompt(languageId, blocks, selected.endLine), line };
}

/** Whether there is a heading or a paragraph in that line. */
export function isProse(languageId: string, lines: readonly string[], line: number): boolean {
  const block = blocksOf(languageId, lines).find(({ start, end }) => start <= line && line <= end);
  return block !== undefined && block.kind !== "code" && plainText(languageId, block.text) !== "";
}

function lineBelow(blocks: readonly Block[], line: number, selected: Selected | null): number {
  const around = blocks.find(({ start, end }) => start <= line && line <= end);
  // A cursor in an empty line means that line.
  return around?.end ?? selected?.endLine ?? line;
}

function sectionPrompt(languageId: string, blocks: readonly Block[], line: number): string {
  const at = blocks.findLastIndex(({ kind, start }) => kind === "heading" && start <= line);
  const heading = blocks[at];
  if (heading === undefined) return paragraphPrompt(languageId, blocks, line);
  const next = blocks.findIndex(({ kind }, index) => index > at && kind === "heading");
  const body = blocks.slice(at + 1, next < 0 ? undefined : next).filter(({ kind }) => kind === "paragraph");
  const title = plainText(languageId, heading.text);
  const text = body
    .map((block) => plainText(languageId, block.text))
    .filter((words) => words !== "")
    .join(" ");
  if (title === "" || text === "") return shortened(title + text);
  return shortened(/[.!?。！？：:]$/.test(title) ? `${title} ${text}` : `${title}: ${text}`);
}

/** Above the first heading: the paragraph that the cursor is in or behind, else the first. */
function paragraphPrompt(languageId: string, blocks: readonly Block[], line: number): string {
  const paragraphs = blocks.filter(({ kind }) => kind === "paragraph");
  const paragraph = paragraphs.findLast(({ start }) => start <= line) ?? paragraphs[0];
  return paragraph === undefined ? "" : shortened(plainText(languageId, paragraph.text));
}

/** The first sentences, as many as fit; at least part of the first. */
function shortened(text: string): string {
  let short = "";
  for (const { segment } of new Intl.Segmenter(undefined, { granularity: "sentence" }).segment(text)) {
    if (short !== "" && short.length + segment.trimEnd().length > MAX_PROMPT) break;
    short += segment;
  }
  short = short.trim();
  if (short.length <= MAX_PROMPT) return short;
  const cut = short.slice(0, MAX_PROMPT);
  const space = cut.lastIndexOf(" ");
  return space > MAX_PROMPT / 2 ? cut.slice(0, space) : cut.replace(/[\ud800-\udbff]$/, "");
}
