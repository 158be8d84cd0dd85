let table: Readonly<Record<string, string>> = {};
let language = "en";

/** Texts in the language of VS Code's user interface. `{0}`, `{1}` … stand for the arguments. */
export const l10n = {
  /** English text → text in `language` (BCP 47); called once, before anything is shown. */
  load(texts: Readonly<Record<string, string>>, textLanguage: string): void {
    table = texts;
    language = textLanguage;
  },
  t(message: string, ...args: readonly (string | number)[]): string {
    return (table[message] ?? message).replace(/\{(\d+)\}/g, (place, index: string) =>
      String(args[Number(index)] ?? place),
    );
  },
  get language(): string {
    return language;
  },
};
