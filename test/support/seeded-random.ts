/** A stream of random values that one number determines, so that a failing run can be had again. Not for secrets. */
export class SeededRandom {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A number in [0, 1). Source: mulberry32, Tommy Ettinger, public domain. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  /** True in that share of the calls. */
  chance(share: number): boolean {
    return this.next() < share;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)]!;
  }

  /** `count` different entries of `list`, in random order. */
  sample<T>(list: readonly T[], count: number): T[] {
    const rest = [...list];
    for (let i = 0; i < count; i++) {
      const j = this.between(i, rest.length - 1);
      [rest[i], rest[j]] = [rest[j]!, rest[i]!];
    }
    return rest.slice(0, count);
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.between(0, 255)));
  }
}

/** Of tests, which try the same in every run: what one in a thousand seeds brings to light must not fail whoever is next. */
const USUAL_SEED = 20_261_126;

export function newSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}

/**
 * The seed of this run: that of the environment variable if it is set, else `otherwise`, which is the same in every run unless
 * RANDOM_SEEDS is set.
 * @throws Error when the variable holds no integer
 */
export function seedFrom(
  variable: string,
  otherwise = process.env.RANDOM_SEEDS === undefined ? USUAL_SEED : newSeed(),
): number {
  const given = process.env[variable];
  if (given === undefined) return otherwise;
  if (!/^\d+$/.test(given)) throw new Error(`${variable}=${given} is no seed: it must be an integer ≥ 0`);
  return Number(given) >>> 0;
}
