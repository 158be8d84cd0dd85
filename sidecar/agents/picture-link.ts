/** A Markdown image: `path` is relative, with forward slashes; `alt` is any text. */
export function pictureLink(path: string, alt: string): string {
  const encoded = path.split("/").map(encodeSegment).join("/");
  return `![${alt
    .replaceAll(/\s+/g, " ")
    .trim()
    .replaceAll(/[\\`*_[\]<>&|$~]/g, "\\$&")}](${encoded})`;
}

/** Brackets would end the link. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replaceAll("(", "%28").replaceAll(")", "%29");
}
