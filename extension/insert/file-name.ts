import { graphemes } from "../text/graphemes";
import { slug } from "./slug";

/** What a file name can be made of. */
export interface NamedPicture {
  readonly prompt: string;
  readonly seed: string;
  /** The document's file name without its extension; empty where there is none. */
  readonly documentName: string;
  /** Local time. */
  readonly date: Date;
}

// 255 bytes are what file systems allow; the rest is for a number and the extension.
const MAX_BYTES = 240;

/**
 * The file name, without extension, that a template such as `${documentName}-${prompt}` gives. It is one name and
 * never a path, whatever the template and the prompt hold.
 */
export function fileNameFrom(template: string, picture: NamedPicture): string {
  const values: Readonly<Record<string, string>> = {
    prompt: slug(picture.prompt) ?? "picture",
    seed: picture.seed,
    documentName: picture.documentName,
    date: isoDate(picture.date),
  };
  const filled = template.replaceAll(/\$\{(\w+)\}/g, (variable, name: string) =>
    Object.hasOwn(values, name) ? values[name]! : variable,
  );
  const name = oneName(filled.replace(/\.png$/i, ""));
  return name === "" ? (slug(picture.prompt) ?? "picture") : name;
}

/** `name.png`, then `name-2.png`, `name-3.png` … */
export function numberedName(name: string, number: number): string {
  return number === 1 ? `${name}.png` : `${name}-${number}.png`;
}

/** Without what separates folders, what some file system refuses, and what a shell or a link would trip over. */
function oneName(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is replaced
  const plain = text.normalize("NFC").replaceAll(/[\u0000-\u001f\u007f<>:"/\\|?*%#$`{}\u2028\u2029]+/g, "-");
  let name = plain.replaceAll(/\s+/g, "-").replaceAll(/^[-.]+|[-. ]+$/g, "");
  while (Buffer.byteLength(name) > MAX_BYTES) name = graphemes(name).slice(0, -1).join("");
  // Reserved by Windows.
  return /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i.test(name) ? `picture-${name}` : name;
}

function isoDate(date: Date): string {
  const part = (value: number): string => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${part(date.getMonth() + 1)}-${part(date.getDate())}`;
}
