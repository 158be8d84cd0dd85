/** An element with properties and children. Text becomes text, never markup. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<Record<"className" | "id" | "textContent" | "title", string>> & {
    readonly attributes?: Readonly<Record<string, string>>;
  } = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const { attributes = {}, ...rest } = properties;
  const result = Object.assign(document.createElement(tag), rest);
  for (const [name, value] of Object.entries(attributes)) result.setAttribute(name, value);
  result.append(...children);
  return result;
}

/** An SVG drawing that assistive technology does not see. `path` is drawn in a box of `width` × `height`. */
export function drawing(width: number, height: number, path: string): SVGSVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("width", String(width));
  svg.setAttribute("height", String(height));
  svg.setAttribute("aria-hidden", "true");
  const shape = document.createElementNS(namespace, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

/** Shows text, leaving the document alone where it is the same. */
export function setText(target: HTMLElement, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Where an image loads a PNG in base64 from; null where there is none. */
export function pngSource(png: string | null | undefined): string | null {
  return png == null ? null : `data:image/png;base64,${png}`;
}
