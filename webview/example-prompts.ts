/** Prompts to begin with: what the bundled checkpoint draws well (models/README.md), in its ways of writing. */
export const EXAMPLE_PROMPTS: readonly string[] = [
  "a red fox, flat vector illustration",
  "a cat to the left of a house",
  "三只猫，卡通风格",
  "🚀🌵",
];
