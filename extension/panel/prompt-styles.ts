/** A look that is added to a prompt, in words that the bundled checkpoint was trained with (training's phrases.py). */
export interface PromptStyle {
  readonly id: string;
  readonly english: string;
  readonly chinese: string;
}

export const PROMPT_STYLES: readonly PromptStyle[] = [
  { id: "flat", english: "flat vector illustration", chinese: "扁平矢量风格" },
  { id: "3d", english: "3d render", chinese: "3d渲染风格" },
  { id: "cartoon", english: "cartoon illustration", chinese: "卡通风格" },
  { id: "outline", english: "cute outlined cartoon", chinese: "可爱描边风格" },
  { id: "blob", english: "simple blob-style emoji", chinese: "复古圆润风格" },
  { id: "icon", english: "vector icon", chinese: "图标" },
  { id: "lineicon", english: "line art icon", chinese: "黑白线条图标" },
  { id: "pixel", english: "pixel art", chinese: "像素风格" },
  { id: "sticker", english: "sticker with a white border", chinese: "贴纸风格" },
  { id: "silhouette", english: "silhouette", chinese: "剪影" },
  { id: "blueprint", english: "blueprint", chinese: "蓝图风格" },
  { id: "sketch", english: "pencil sketch", chinese: "铅笔素描" },
];

/** The prompt with the words of the style, in the prompt's language. An unknown style, or none, changes nothing. */
export function withStyle(prompt: string, styleId: string | null): string {
  const style = PROMPT_STYLES.find(({ id }) => id === styleId);
  if (style === undefined) return prompt;
  const subject = prompt.trimEnd();
  // Kana means Japanese, which the encoder reads best with English style words.
  const chinese = /\p{Script=Han}/u.test(prompt) && !/[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(prompt);
  if (chinese) return subject === "" ? style.chinese : `${subject}，${style.chinese}`;
  return subject === "" ? style.english : `${subject}, ${style.english}`;
}
