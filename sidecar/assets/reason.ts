import { ENGLISH_LABELS, type AssetsLabels } from "../protocol";

/** Why an asset is not up to date: a sentence that every language has, or the line of whoever found the problem. */
export type Reason =
  | {
      readonly kind: keyof AssetsLabels["reasons"];
      /** Separated by commas; empty where the sentence names none. */
      readonly files: string;
    }
  | { readonly message: string };

/** In one line; empty for what is up to date. */
export function reasonText(reason: Reason | null, { reasons }: AssetsLabels = ENGLISH_LABELS): string {
  if (reason === null) return "";
  // A function, because file names may hold what `replace` has a meaning for.
  return "message" in reason ? reason.message : reasons[reason.kind].replace("{0}", () => reason.files);
}
