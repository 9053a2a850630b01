/*
 * The scale is log-linear, as in Gil Tene's HdrHistogram: microseconds up to 63 have a bucket each, and from there on every
 * doubling is cut into 32 buckets of equal width.
 *
 *    bucket   0 … 63     64 … 95      96 … 127      …    672 … 703
 *    holds    0 … 63 µs  64 … 127 µs  128 … 255 µs  …    33.6 … 67.1 s
 *    width    1 µs       2 µs         4 µs          …    1.05 s
 *
 * So a value is told to within 1.6 % (half a bucket) from 32 µs on, and exactly below.
 */
const STEP_BITS = 5;
const STEPS = 1 << STEP_BITS;
const TOP_BITS = 26;

/** Of every histogram. */
export const HISTOGRAM_BUCKETS = (TOP_BITS - STEP_BITS + 1) * STEPS;

/** What is longer is counted in the last bucket; the maximum and the sum have it exactly. */
export const HISTOGRAM_TOP_US = 2 ** TOP_BITS - 1;

/** The bucket of a duration in whole microseconds, 0 to 2³² - 1. */
export function bucketOf(us: number): number {
  if (us > HISTOGRAM_TOP_US) return HISTOGRAM_BUCKETS - 1;
  const shift = 31 - STEP_BITS - Math.clz32(us);
  return shift <= 0 ? us : (shift << STEP_BITS) + (us >>> shift);
}

/** The smallest and the largest number of microseconds in a bucket. */
export function bucketRangeUs(bucket: number): readonly [leastUs: number, mostUs: number] {
  if (bucket < 2 * STEPS) return [bucket, bucket];
  const shift = (bucket >>> STEP_BITS) - 1;
  const leastUs = ((bucket & (STEPS - 1)) + STEPS) * 2 ** shift;
  return [leastUs, leastUs + 2 ** shift - 1];
}

/** The value that stands for all of a bucket, in microseconds. */
const MIDDLES_US = Float64Array.from({ length: HISTOGRAM_BUCKETS }, (_, bucket) => {
  const [leastUs, mostUs] = bucketRangeUs(bucket);
  return (leastUs + mostUs) / 2;
});

/**
 * Counts of durations in microseconds. `counts`: an `Uint32Array` where it is emptied often (a worker's, until it has
 * reported), a `Float64Array` where it grows for as long as the daemon runs.
 */
export class Histogram {
  readonly counts: Uint32Array | Float64Array;
  sumUs = 0;
  /** Exact; -1 while nothing was recorded. */
  maxUs = -1;

  constructor(counts: Uint32Array | Float64Array = new Uint32Array(HISTOGRAM_BUCKETS)) {
    this.counts = counts;
  }

  get isEmpty(): boolean {
    return this.maxUs < 0;
  }

  /** How many were recorded: the sum over all buckets, which `record` has no time to keep. */
  get count(): number {
    const { counts } = this;
    let count = 0;
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) count += counts[bucket]!;
    return count;
  }

  /** `us`: whole microseconds, 0 to 2³² - 1; so many times. */
  record(us: number, times = 1): void {
    this.counts[bucketOf(us)]! += times;
    this.sumUs += us * times;
    if (us > this.maxUs) this.maxUs = us;
  }

  /** Adds what another has counted. */
  add(other: Histogram): void {
    const { counts } = this;
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) counts[bucket]! += other.counts[bucket]!;
    this.sumUs += other.sumUs;
    if (other.maxUs > this.maxUs) this.maxUs = other.maxUs;
  }

  clear(): void {
    this.counts.fill(0);
    this.sumUs = 0;
    this.maxUs = -1;
  }

  /**
   * The duration in microseconds that a share of all (0 to 1) are not above, to within 1.6 %; for 1 the exact maximum. 0
   * when nothing was recorded.
   */
  quantileUs(share: number): number {
    const { count } = this;
    const wanted = Math.max(1, Math.ceil(count * share));
    if (wanted >= count) return Math.max(0, this.maxUs);
    let seen = 0;
    for (let bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
      seen += this.counts[bucket]!;
      if (seen >= wanted)
        return Math.min(this.maxUs, bucket === HISTOGRAM_BUCKETS - 1 ? this.maxUs : MIDDLES_US[bucket]!);
    }
    return this.maxUs;
  }

  /** How many are not above each of `limitsUs`, which ascend; a bucket that a limit cuts counts by its middle. */
  cumulative(limitsUs: readonly number[]): number[] {
    const result: number[] = [];
    let bucket = 0;
    let seen = 0;
    for (const limitUs of limitsUs) {
      while (bucket < HISTOGRAM_BUCKETS && MIDDLES_US[bucket]! <= limitUs) seen += this.counts[bucket++]!;
      result.push(seen);
    }
    return result;
  }
}
