/** What the page is made of. Addresses are those that the webview can load from. */
interface PanelPage {
  readonly cspSource: string;
  readonly nonce: string;
  readonly scriptSrc: string;
  readonly styleSrc: string;
  /** BCP 47, of VS Code's user interface. */
  readonly language: string;
  readonly title: string;
  /** English text → text in that language. */
  readonly texts: Readonly<Record<string, string>>;
}

/**
 * The panel's page. Nothing may be loaded or run but its own script, its style sheet and pictures; `connect-src` is what
 * lets it read a picture that is to be copied. The toolkit finds the nonce in the page, for the style element by which
 * it learns what the browser knows of focus.
 */
export function panelHtml({ cspSource, nonce, scriptSrc, styleSrc, language, title, texts }: PanelPage): string {
  const policy = [
    "default-src 'none'",
    `script-src 'nonce-${nonce}'`,
    `style-src ${cspSource} 'nonce-${nonce}'`,
    `img-src ${cspSource} data: blob:`,
    `connect-src ${cspSource}`,
  ].join("; ");
  // "<" could end the element that the texts are in.
  const table = JSON.stringify(texts).replaceAll("<", "\\u003c");
  return `<!doctype html>
<html lang="${escapeHtml(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta property="csp-nonce" content="${nonce}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="stylesheet" href="${escapeHtml(styleSrc)}">
</head>
<body>
<script type="application/json" id="texts" nonce="${nonce}">${table}</script>
<script nonce="${nonce}" src="${escapeHtml(scriptSrc)}"></script>
</body>
</html>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
