/**
 * The words of a piece of a document, in one line: markup, code, formulas, pictures, and the targets of links are left
 * out. It reads what is common in the language, not all of it.
 */
export function plainText(languageId: string, text: string): string {
  const cleaners = CLEANERS[languageId] ?? [];
  let plain = text;
  for (const [pattern, replacement] of cleaners) plain = plain.replaceAll(pattern, replacement);
  return plain
    .replaceAll(/\s+/g, " ")
    .replaceAll(/ +([,.;:!?])/g, "$1")
    .trim();
}

type Cleaner = readonly [pattern: RegExp, replacement: string];

const MARKDOWN: readonly Cleaner[] = [
  [/<!--[\s\S]*?-->/g, " "],
  [/^\s*(`{3,}|~{3,})[\s\S]*?^\s*\1\s*$/gm, " "],
  [/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, " "],
  [/\$\$[\s\S]*?\$\$|(?<![\\\w])\$[^\s$](?:[^$\n]*[^\s$])?\$(?!\w)/g, " "],
  // Pictures, also those that are links.
  [/!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])/g, " "],
  // Definitions of links and footnotes, and marks of footnotes.
  [/^\s{0,3}\[[^\]]+\]:.*$/gm, " "],
  [/\[\^[^\]]+\]/g, " "],
  [/\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])/g, "$1"],
  [/<(?:https?|mailto):[^>]*>|https?:\/\/[^\s<>)\]]+/g, " "],
  [/<\/?[A-Za-z][^>]*>/g, " "],
  // Rulers, lines between a table's head and body.
  [/^[ \t]*(?:[*_][ \t]*){3,}$|^(?=[^\n]*-)[ \t|:-]+$/gm, " "],
  [/^\s*>\s?/gm, ""],
  [/^\s{0,3}#{1,6}\s+|\s+#+\s*$/gm, " "],
  [/^\s*(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?/gm, " "],
  [/(?<!\\)\|/g, " "],
  [/(?<![\\\p{L}\p{N}])(\*{1,3}|_{1,3}|~~)(?=\S)([\s\S]*?\S)\1/gu, "$2"],
  [/(?<!\\)(\*{1,3}|~~)(?=\S)([\s\S]*?\S)\1/g, "$2"],
  [/\\([!-/:-@[-`{-~])/g, "$1"],
];

const CLEANERS: Readonly<Record<string, readonly Cleaner[]>> = {
  markdown: MARKDOWN,
  mdx: [[/^\s*(?:import|export)\s.*$/gm, " "], [/\{[^{}]*\}/g, " "], ...MARKDOWN],
  asciidoc: [
    [/^\/\/.*$/gm, " "],
    [/^:[\w-]+:.*$/gm, " "],
    [/^\[[^\]]*\]$/gm, " "],
    [/image::?[^\s[]+\[[^\]]*\]/g, " "],
    [/(?:link:|xref:)?\S+?:\/\/[^\s[]+\[([^\]]*)\]|(?:link|xref):[^\s[]+\[([^\]]*)\]/g, "$1$2"],
    [/https?:\/\/\S+/g, " "],
    [/<<[^,>]+(?:,([^>]*))?>>/g, "$1"],
    [/`[^`\n]*`/g, " "],
    [/^={1,6}\s+/gm, ""],
    [/^\s*(?:[*\-.]{1,5}|\d+\.)\s+/gm, " "],
    [/(?<![\p{L}\p{N}])([*_#]{1,2})(?=\S)([\s\S]*?\S)\1(?![\p{L}\p{N}])/gu, "$2"],
  ],
  restructuredtext: [
    [/^\.\. .*(?:\n[ \t]+.*)*/gm, " "],
    [/``[\s\S]*?``/g, " "],
    [/`([^`<]*?)\s*<[^>]*>`__?/g, "$1"],
    [/:[\w:-]+:`([^`<]*?)(?:\s*<[^>]*>)?`/g, "$1"],
    [/https?:\/\/\S+/g, " "],
    [/^\s*(?:[-*+]|\d+\.|#\.)\s+/gm, " "],
    [/(\*{1,2}|`)(?=\S)([\s\S]*?\S)\1_{0,2}/g, "$2"],
    [/\[[^\]]+\]_|\|([^|]+)\|/g, "$1"],
    [/^([=\-`:'"~^_*+#<>])\1{2,}\s*$/gm, " "],
  ],
  latex: [
    [/(?<!\\)%.*$/gm, " "],
    [/\\(?:begin|end)\{[^}]*\}(?:\[[^\]]*\])?/g, " "],
    [/\$\$[\s\S]*?\$\$|\$[^$]*\$|\\\([\s\S]*?\\\)|\\\[[\s\S]*?\\\]/g, " "],
    [
      /\\(?:label|ref|eqref|autoref|cref|cite\w*|includegraphics|url|input|include|footnote|verb)\*?(?:\[[^\]]*\])*\{[^}]*\}/g,
      " ",
    ],
    [/\\href\{[^}]*\}/g, " "],
    [/\\item\b/g, " "],
    [/\\[A-Za-z]+\*?(?:\[[^\]]*\])?/g, " "],
    [/\\([%&$#_{}])/g, "$1"],
    [/(?<!\\)[{}~]/g, " "],
  ],
  typst: [
    [/(?<!:)\/\/.*$/gm, " "],
    [/\/\*[\s\S]*?\*\//g, " "],
    [/`[^`]*`/g, " "],
    [/\$[^$]*\$/g, " "],
    [/#link\("[^"]*"\)\[([^\]]*)\]/g, "$1"],
    [/^#.*$|#[A-Za-z][\w.-]*(?:\([^)]*\))?/gm, " "],
    [/https?:\/\/\S+/g, " "],
    [/<[\w:-]+>|@[\w:-]+/g, " "],
    [/^={1,6}\s+/gm, ""],
    [/^\s*[-+/]\s+/gm, " "],
    [/(?<![\p{L}\p{N}\\])([*_])(?=\S)([^*_]*?\S)\1/gu, "$2"],
  ],
};
