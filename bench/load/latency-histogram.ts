/** Linear steps per doubling: a value is told to within 0.8 %. */
const STEP_BITS = 7;
const STEPS = 1 << STEP_BITS;
const MAX_US = 2 ** 31 - 1;

/** Counts of latencies in whole microseconds: exact up to 255, then in steps that double with the value. */
export class LatencyHistogram {
  private readonly counts = new Float64Array((32 - STEP_BITS) * STEPS);
  count = 0;
  maxUs = 0;

  record(latencyUs: number): void {
    const us = Math.min(MAX_US, Math.max(0, Math.round(latencyUs)));
    const shift = Math.max(0, 31 - Math.clz32(us) - STEP_BITS);
    (this.counts[(shift << STEP_BITS) + (us >>> shift)] as number)++;
    this.count++;
    if (us > this.maxUs) this.maxUs = us;
  }

  /** The latency that `share` (0–1) of all are not above, in microseconds. */
  quantileUs(share: number): number {
    const wanted = Math.max(1, Math.ceil(this.count * share));
    let seen = 0;
    for (let i = 0; i < this.counts.length; i++) {
      seen += this.counts[i] as number;
      if (seen >= wanted) return Math.min(this.maxUs, upperEdge(i));
    }
    return this.maxUs;
  }
}

function upperEdge(index: number): number {
  if (index < 2 * STEPS) return index;
  const shift = (index >>> STEP_BITS) - 1;
  return ((index & (STEPS - 1)) + STEPS + 1) * 2 ** shift - 1;
}
