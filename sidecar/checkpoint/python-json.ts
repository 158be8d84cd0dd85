import { SanaError, type ErrorCode } from "../errors";

/** The deepest file of the layout nests five levels; a limit keeps hostile nesting from exhausting the stack. */
const MAX_DEPTH = 64;

const WHITESPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

const LITERALS: readonly (readonly [string, unknown])[] = [
  ["null", null],
  ["true", true],
  ["false", false],
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
];

/**
 * The value of a JSON file as Python's json module writes it: strict JSON plus the numbers NaN, Infinity and
 * -Infinity. Objects are plain objects whose keys are all own properties, `__proto__` included. A key that occurs twice
 * in one object is refused, because readers disagree on which of the two counts.
 * Throws `code` naming `file` where the bytes are not UTF-8, not JSON, or nested deeper than 64 levels.
 */
export function parsePythonJson(bytes: Uint8Array, file: string, code: ErrorCode = "invalid-checkpoint"): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new SanaError(code, `${file} is not valid JSON: it is not UTF-8 text`);
  }
  return new PythonJsonParser(text, file, code).parse();
}

class PythonJsonParser {
  private position = 0;

  constructor(
    private readonly text: string,
    private readonly file: string,
    private readonly code: ErrorCode,
  ) {}

  parse(): unknown {
    const value = this.value(0);
    this.skip(WHITESPACE);
    if (this.position < this.text.length) throw this.invalid("unexpected text after the end");
    return value;
  }

  private value(depth: number): unknown {
    this.skip(WHITESPACE);
    const first = this.text[this.position];
    if (first === "{" || first === "[") {
      if (depth === MAX_DEPTH) throw this.invalid(`it is nested deeper than ${MAX_DEPTH} levels`);
      this.position += 1;
      return first === "{" ? this.object(depth + 1) : this.array(depth + 1);
    }
    if (first === '"') return this.string();
    const literal = LITERALS.find(([word]) => this.text.startsWith(word, this.position));
    if (literal !== undefined) {
      this.position += literal[0].length;
      return literal[1];
    }
    const number = this.skip(NUMBER);
    if (number === "") throw this.invalid("expected a value");
    return Number(number);
  }

  private object(depth: number): object {
    const result: Record<string, unknown> = {};
    if (this.accept("}")) return result;
    do {
      this.skip(WHITESPACE);
      const key = this.string();
      if (Object.hasOwn(result, key)) throw this.invalid(`the key ${JSON.stringify(key.slice(0, 100))} occurs twice`);
      this.expect(":");
      // Plain assignment would set the prototype instead of adding a key named __proto__.
      Object.defineProperty(result, key, {
        value: this.value(depth),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    } while (this.accept(","));
    this.expect("}");
    return result;
  }

  private array(depth: number): unknown[] {
    const result: unknown[] = [];
    if (this.accept("]")) return result;
    do result.push(this.value(depth));
    while (this.accept(","));
    this.expect("]");
    return result;
  }

  private string(): string {
    const start = this.position;
    if (this.text[start] !== '"') throw this.invalid("expected a string");
    let end = start;
    do end = this.text.indexOf('"', end + 1);
    while (end !== -1 && this.isEscaped(end));
    if (end === -1) throw this.invalid("a string has no end");
    try {
      const value = JSON.parse(this.text.slice(start, end + 1)) as string;
      this.position = end + 1;
      return value;
    } catch {
      throw this.invalid("a string holds an invalid character or escape");
    }
  }

  /** Whether an odd number of backslashes stands before `index`. */
  private isEscaped(index: number): boolean {
    let first = index;
    while (this.text[first - 1] === "\\") first -= 1;
    return (index - first) % 2 === 1;
  }

  /** Passes over what `pattern` (sticky) matches here and returns it; "" where it does not match. */
  private skip(pattern: RegExp): string {
    pattern.lastIndex = this.position;
    const matched = pattern.exec(this.text)?.[0] ?? "";
    this.position += matched.length;
    return matched;
  }

  private accept(character: string): boolean {
    this.skip(WHITESPACE);
    if (this.text[this.position] !== character) return false;
    this.position += 1;
    return true;
  }

  private expect(character: string): void {
    if (!this.accept(character)) throw this.invalid(`expected "${character}"`);
  }

  private invalid(reason: string): SanaError {
    return new SanaError(this.code, `${this.file} is not valid JSON: ${reason} (at character ${this.position})`);
  }
}
