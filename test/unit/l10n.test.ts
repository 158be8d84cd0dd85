import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";

type Texts = Readonly<Record<string, string>>;

const read = (file: string): Texts => JSON.parse(readFileSync(file, "utf8")) as Texts;

/** Every text that is passed to `l10n.t` in the extension and the webview, by the file that it is in. */
function textsInCode(): Map<string, string> {
  const texts = new Map<string, string>();
  const files = ["extension", "webview"].flatMap((room) =>
    readdirSync(room, { recursive: true, encoding: "utf8" }).map((name) => `${room}/${name.replaceAll("\\", "/")}`),
  );
  for (const file of files.filter((name) => name.endsWith(".ts"))) {
    for (const call of readFileSync(file, "utf8").matchAll(/\bl10n\.t\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')?/g)) {
      const literal = call[1];
      assert.ok(literal !== undefined, `${file}: the first argument of l10n.t must be a text, or nobody can find it`);
      const body = literal.slice(1, -1);
      const text = literal.startsWith('"') ? body : body.replaceAll("\\'", "'").replaceAll('"', '\\"');
      texts.set(JSON.parse(`"${text}"`) as string, file);
    }
  }
  return texts;
}

/** What must be the same in every language: placeholders, code, variables of settings, links. */
function fixedParts(text: string): string[] {
  return (text.match(/\{\d+\}|\$\{\w+\}|`[^`]+`|\$\([\w-]+\)|\]\([^)]*\)/g) ?? []).sort();
}

function assertSameTexts(texts: Iterable<readonly [english: string, translation: string | undefined]>): void {
  for (const [english, translation] of texts) {
    assert.ok(translation !== undefined && translation.trim() !== "", `"${english}" has no translation`);
    assert.deepEqual(fixedParts(translation), fixedParts(english), `"${translation}" is not "${english}"`);
  }
}

describe("the texts in Simplified Chinese", () => {
  it("are all there in the extension and the panel, and none is left over", () => {
    const english = textsInCode();
    assert.ok(english.size > 100);
    const chinese = read("l10n/bundle.l10n.zh-cn.json");
    assertSameTexts([...english.keys()].map((text) => [text, chinese[text]]));
    const orphans = Object.keys(chinese).filter((text) => !english.has(text));
    assert.deepEqual(orphans, []);
  });

  it("are all there in package.json, in both languages, and none is left over", () => {
    const english = read("package.nls.json");
    const chinese = read("package.nls.zh-cn.json");
    const used = new Set([...readFileSync("package.json", "utf8").matchAll(/"%([\w.-]+)%"/g)].map(([, key]) => key!));
    assert.deepEqual(Object.keys(english).sort(), [...used].sort());
    assert.deepEqual(Object.keys(chinese).sort(), [...used].sort());
    assertSameTexts([...used].map((key) => [english[key]!, chinese[key]]));
  });
});
