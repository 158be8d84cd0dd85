/** Numbers that are drawn the same again for the same seed. */
export class Random {
  private state: number;

  /** `seed`: a whole number, 0 … 2^32 − 1. */
  constructor(readonly seed: number) {
    this.state = seed >>> 0;
  }

  /** 0 (inclusive) … 1 (exclusive), in steps of 2^-32. A Weyl sequence whose bits are mixed as MurmurHash3 ends. */
  number(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) / 2 ** 32;
  }

  /** A whole number, 0 … below − 1. */
  below(below: number): number {
    return Math.floor(this.number() * below);
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  chance(probability: number): boolean {
    return this.number() < probability;
  }
}

/** SOAK_SEED, or `otherwise` where it is not set: a run that failed says which seed repeats it. */
export function soakSeed(otherwise: number): number {
  const seed = Number(process.env["SOAK_SEED"] ?? otherwise);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) throw new Error("SOAK_SEED must be 0 … 4294967295");
  return seed;
}

/** Runs `use` with a source of its own. What it throws names the seed. */
export async function withRandom<Result>(seed: number, use: (random: Random) => Promise<Result>): Promise<Result> {
  try {
    return await use(new Random(seed));
  } catch (error) {
    if (error instanceof Error) error.message = `with SOAK_SEED=${seed}: ${error.message}`;
    throw error;
  }
}
