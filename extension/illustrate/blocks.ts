/** Lines of a document that belong together; the lines of `text` are joined by line feeds. */
export interface Block {
  readonly kind: "heading" | "paragraph" | "code";
  /** First and last line, from 0. */
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The blocks of a document in one of the languages of prose (VS Code's language ids). It is read line by line, as far as
 * is needed to tell what a person wrote about what; an unknown language has paragraphs only.
 */
export function blocksOf(languageId: string, lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let line = frontMatterEnd(lines);
  while (line < lines.length) {
    const text = lines[line]!;
    if (text.trim() === "") {
      line += 1;
      continue;
    }
    const block =
      codeAt(languageId, lines, line) ?? headingAt(languageId, lines, line) ?? paragraphAt(languageId, lines, line);
    blocks.push(block);
    line = block.end + 1;
  }
  return blocks;
}

function block(kind: Block["kind"], lines: readonly string[], start: number, end: number, text?: string): Block {
  return { kind, start, end, text: text ?? lines.slice(start, end + 1).join("\n") };
}

/** The first line behind a YAML or TOML header. */
function frontMatterEnd(lines: readonly string[]): number {
  const fence = lines[0]?.trimEnd();
  if (fence !== "---" && fence !== "+++") return 0;
  const end = lines.findIndex((line, index) => index > 0 && line.trimEnd() === fence);
  return end < 0 ? 0 : end + 1;
}

/** Code and other text that is not prose, between two lines that mark it. */
function codeAt(languageId: string, lines: readonly string[], start: number): Block | null {
  const closing = closingOf(languageId, lines[start]!);
  if (closing === null) return null;
  const end = lines.findIndex((line, index) => index > start && closing.test(line));
  return block("code", lines, start, end < 0 ? lines.length - 1 : end);
}

function closingOf(languageId: string, line: string): RegExp | null {
  switch (languageId) {
    case "markdown":
    case "mdx":
    case "typst": {
      const fence = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
      if (fence !== undefined) return new RegExp(`^\\s*${fence[0]}{${fence.length},}\\s*$`);
      // A comment of several lines, and a formula.
      if (/^\s*<!--(?!.*-->)/.test(line)) return /-->/;
      return /^\s*\$\$(?!.*\$\$)/.test(line) ? /\$\$\s*$/ : null;
    }
    case "asciidoc": {
      const fence = /^(-{4,}|\.{4,}|\+{4,}|\/{4,})\s*$/.exec(line)?.[1];
      return fence === undefined ? null : new RegExp(`^\\${fence[0]}{${fence.length}}\\s*$`);
    }
    case "latex": {
      const environment = /\\begin\{(verbatim|lstlisting|minted|equation|align|tikzpicture|tabular|figure)(\*?)\}/.exec(
        line,
      );
      return environment === null
        ? null
        : new RegExp(`\\\\end\\{${environment[1]}${environment[2] === "*" ? "\\*" : ""}\\}`);
    }
    default:
      return null;
  }
}

function headingAt(languageId: string, lines: readonly string[], line: number): Block | null {
  const text = lines[line]!;
  switch (languageId) {
    case "markdown":
    case "mdx": {
      const title = /^ {0,3}#{1,6}(?:\s+(.*?))?(?:\s+#+)?\s*$/.exec(text);
      if (title !== null) return block("heading", lines, line, line, title[1] ?? "");
      return underlined(lines, line, /^ {0,3}(?:=+|-+)\s*$/);
    }
    case "asciidoc":
    case "typst": {
      const title = /^={1,6}\s+(.+?)\s*$/.exec(text)?.[1];
      return title === undefined ? null : block("heading", lines, line, line, title);
    }
    case "restructuredtext":
      // A line above as well as below the title.
      if (RST_LINE.test(text) && RST_LINE.test(lines[line + 2] ?? "")) {
        return block("heading", lines, line, line + 2, lines[line + 1]!.trim());
      }
      return underlined(lines, line, RST_LINE);
    case "latex": {
      const title = /^\s*\\(?:part|chapter|(?:sub){0,2}section|paragraph|title)\*?(?:\[[^\]]*\])?\{(.*)\}/.exec(
        text,
      )?.[1];
      return title === undefined ? null : block("heading", lines, line, line, title);
    }
    default:
      return null;
  }
}

const RST_LINE = /^([=\-`:'"~^_*+#<>])\1{2,}\s*$/;

function underlined(lines: readonly string[], line: number, underline: RegExp): Block | null {
  const text = lines[line]!;
  if (!underline.test(lines[line + 1] ?? "") || underline.test(text) || /^\s*(?:[-*+>|]|\d+[.)])\s/.test(text))
    return null;
  return block("heading", lines, line, line + 1, text.trim());
}

/** Up to an empty line or the next block of another kind. */
function paragraphAt(languageId: string, lines: readonly string[], start: number): Block {
  let end = start;
  for (let line = start + 1; line < lines.length; line += 1) {
    if (lines[line]!.trim() === "") break;
    if (codeAt(languageId, lines, line) !== null || headingAt(languageId, lines, line) !== null) break;
    end = line;
  }
  return block("paragraph", lines, start, end);
}
