/**
 * PyTorch's CPU generator: a seed gives the noise that `torch.Generator("cpu").manual_seed(seed)` gives, up to the last
 * bits of its vectorised logarithm, sine and cosine. Draws from one generator continue its stream.
 * Source: PyTorch ATen/native/cpu/DistributionTemplates.h and ATen/core/DistributionsHelper.h.
 */
export class TorchCpuGenerator {
  private readonly engine: MersenneTwister;
  /** The second number of a pair that a short draw has left over. */
  private spareNormal: number | undefined;

  /** `seed`: 0 … 2^63 − 1, of which only the low 32 bits matter. */
  constructor(seed: bigint) {
    this.engine = new MersenneTwister(Number(BigInt.asUintN(32, seed)));
  }

  /** `count` independent normal numbers with mean 0 and deviation 1: one draw of `torch.randn`, whatever its shape. */
  randn(count: number): Float32Array {
    const values = new Float32Array(count);
    if (count < BLOCK) {
      for (let i = 0; i < count; i += 1) values[i] = this.normal();
      return values;
    }
    for (let i = 0; i < count; i += 1) values[i] = this.uniform();
    for (let start = 0; start + BLOCK <= count; start += BLOCK) transformBlock(values, start);
    if (count % BLOCK !== 0) {
      // The last 16 places are drawn again as a whole block, over some that were done already.
      const start = count - BLOCK;
      for (let i = start; i < count; i += 1) values[i] = this.uniform();
      transformBlock(values, start);
    }
    return values;
  }

  /** A multiple of 2^-24 in [0, 1). */
  private uniform(): number {
    return (this.engine.next() & 0xffffff) * 2 ** -24;
  }

  /** A multiple of 2^-53 in [0, 1), from two outputs of which the first is the high half. */
  private uniformDouble(): number {
    const high = this.engine.next() & 0x1fffff;
    return (high * 2 ** 32 + this.engine.next()) * 2 ** -53;
  }

  /** Draws of fewer than 16 numbers are made in pairs and in double precision. */
  private normal(): number {
    const spare = this.spareNormal;
    if (spare !== undefined) {
      this.spareNormal = undefined;
      return spare;
    }
    const angle = 2 * Math.PI * this.uniformDouble();
    const radius = Math.sqrt(-2 * Math.log1p(-this.uniformDouble()));
    this.spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }
}

const BLOCK = 16;
const HALF = BLOCK / 2;

const { fround } = Math;

/** Box–Muller in float32: 16 uniform numbers, the radii's first, become 16 normal ones in place. */
function transformBlock(values: Float32Array, start: number): void {
  for (let i = start; i < start + HALF; i += 1) {
    const radius = fround(Math.sqrt(fround(-2 * fround(Math.log(1 - values[i]!)))));
    const angle = fround(fround(2 * Math.PI) * values[i + HALF]!);
    values[i] = radius * fround(Math.cos(angle));
    values[i + HALF] = radius * fround(Math.sin(angle));
  }
}

const STATE_LENGTH = 624;
const SHIFT_LENGTH = 397;

/** MT19937, seeded with one number. Source: Matsumoto and Nishimura, mt19937ar, init_genrand and genrand_int32. */
class MersenneTwister {
  private readonly state = new Uint32Array(STATE_LENGTH);
  private position = STATE_LENGTH;

  constructor(seed: number) {
    this.state[0] = seed;
    for (let i = 1; i < STATE_LENGTH; i += 1) {
      const previous = this.state[i - 1]!;
      this.state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
  }

  /** 0 … 2^32 − 1. */
  next(): number {
    if (this.position === STATE_LENGTH) this.twist();
    let value = this.state[this.position]!;
    this.position += 1;
    value ^= value >>> 11;
    value ^= (value << 7) & 0x9d2c5680;
    value ^= (value << 15) & 0xefc60000;
    return (value ^ (value >>> 18)) >>> 0;
  }

  private twist(): void {
    const { state } = this;
    for (let i = 0; i < STATE_LENGTH; i += 1) {
      const mixed = (state[i]! & 0x80000000) | (state[(i + 1) % STATE_LENGTH]! & 0x7fffffff);
      state[i] = state[(i + SHIFT_LENGTH) % STATE_LENGTH]! ^ (mixed >>> 1) ^ (mixed & 1 ? 0x9908b0df : 0);
    }
    this.position = 0;
  }
}
