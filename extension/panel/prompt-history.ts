/** Prompts that are kept. */
const MAX_PROMPTS = 100;

/** The prompts that pictures were asked for with, each once, the latest first. */
export class PromptHistory {
  private prompts: readonly string[];

  /** `stored` is what an earlier window gave to `remember`; whatever else it holds is left out. */
  constructor(
    stored: unknown,
    private readonly remember: (prompts: readonly string[]) => void,
  ) {
    this.prompts = Array.isArray(stored) ? stored.filter((entry) => typeof entry === "string") : [];
  }

  get all(): readonly string[] {
    return this.prompts;
  }

  add(prompt: string): void {
    this.prompts = [prompt, ...this.prompts.filter((earlier) => earlier !== prompt)].slice(0, MAX_PROMPTS);
    this.remember(this.prompts);
  }
}
