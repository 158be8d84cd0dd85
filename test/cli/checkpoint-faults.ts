import { describe, it } from "node:test";
import { assertRefused } from "./assert-refused";
import { TINY_JOB, withWorkplace } from "./fixtures";

/** Something that can be wrong with a checkpoint. */
export interface Fault {
  readonly name: string;
  readonly damage: (checkpoint: string) => void;
  /** What the error must name. */
  readonly names: RegExp;
}

/** Tests that `generate` refuses a checkpoint with any one of the faults. */
export function describeFaults(groups: readonly (readonly [group: string, faults: readonly Fault[]])[]): void {
  for (const [group, faults] of groups) {
    describe(group, { concurrency: 4 }, () => {
      for (const { name, damage, names } of faults) {
        it(name, () =>
          withWorkplace(async (place) => {
            damage(place.checkpoint);
            const output = ["--output", "picture.png", "--json"];
            await assertRefused(place, ["generate", "a fox", "--model", place.checkpoint, ...TINY_JOB, ...output], {
              names,
            });
          }),
        );
      }
    });
  }
}
