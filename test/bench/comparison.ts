import { setTimeout } from "node:timers/promises";
import { Contestant, runToEnd, type Command, type ProcessRun } from "./contestant";
import type { PeakMemory } from "./process-memory";

/** What was measured of this program and of diffusers at the same work. */
export interface Comparison {
  readonly name: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[] | null;
  readonly ourPeak: PeakMemory;
  readonly theirPeak: PeakMemory | null;
}

interface Sides {
  readonly ours: Command;
  /** Null: diffusers is not measured. */
  readonly theirs: Command | null;
  /** Measured runs of each side. */
  readonly rounds: number;
}

/** Threads of the side that has just run may still wait actively for more work. */
const PAUSE_MS = 200;

/** Both sides stay loaded and take turns, so that whatever else the machine does meets both. */
export async function alternate(name: string, sides: Sides): Promise<Comparison> {
  note(name);
  const ours = await Contestant.start(sides.ours);
  const theirs = sides.theirs === null ? null : await Contestant.start(sides.theirs);
  const seconds = { ours: [] as number[], theirs: [] as number[] };
  // The first turn is not counted: in it both allocate, and diffusers prepares its convolutions.
  for (let turn = 0; turn <= sides.rounds; turn += 1) {
    seconds.ours.push(await ours.run());
    await setTimeout(PAUSE_MS);
    if (theirs === null) continue;
    seconds.theirs.push(await theirs.run());
    await setTimeout(PAUSE_MS);
  }
  return reported({
    name,
    ours: seconds.ours.slice(1),
    theirs: theirs === null ? null : seconds.theirs.slice(1),
    ourPeak: await ours.stop(),
    theirPeak: theirs === null ? null : await theirs.stop(),
  });
}

/** A new process for every run. The first turn is not counted: it brings the files into the system's cache. */
export async function alternateProcesses(name: string, sides: Sides): Promise<Comparison> {
  note(name);
  const runs = { ours: [] as ProcessRun[], theirs: [] as ProcessRun[] };
  for (let turn = 0; turn <= sides.rounds; turn += 1) {
    runs.ours.push(await runToEnd(sides.ours));
    if (sides.theirs !== null) runs.theirs.push(await runToEnd(sides.theirs));
  }
  const seconds = (side: readonly ProcessRun[]): number[] => side.slice(1).map((run) => run.seconds);
  return reported({
    name,
    ours: seconds(runs.ours),
    theirs: sides.theirs === null ? null : seconds(runs.theirs),
    ourPeak: highest(runs.ours),
    theirPeak: sides.theirs === null ? null : highest(runs.theirs),
  });
}

/** What is measured is said at once: a long session that is cut off has still said something. */
function reported(comparison: Comparison): Comparison {
  note(`  ${JSON.stringify(comparison)}`);
  return comparison;
}

function highest(runs: readonly ProcessRun[]): PeakMemory {
  return {
    resident: Math.max(...runs.map((run) => run.peak.resident)),
    anonymous: Math.max(...runs.map((run) => run.peak.anonymous)),
  };
}

/** Says on stderr what is being done. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
