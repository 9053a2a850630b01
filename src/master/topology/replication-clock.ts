/** A replica that is further behind than these reach is as far behind as the oldest. */
const SAMPLES_MAX = 256;

/**
 * How far replicas are behind their primary in time: what the primary had written at which moment is noted now and then, and
 * a replica is behind since the first of these moments at which there was more than it has now.
 */
export class ReplicationClock {
  private samples: { readonly atMs: number; readonly offset: number }[] = [];

  /** The primary has written so many bytes by now. */
  note(offset: number, atMs: number): void {
    const last = this.samples.at(-1);
    // Another primary, or the same that has begun anew.
    if (last !== undefined && offset < last.offset) this.samples = [];
    if (offset === last?.offset) return;
    this.samples.push({ atMs, offset });
    if (this.samples.length > SAMPLES_MAX) this.samples.shift();
  }

  /** Of a replica that has so many bytes of it, in milliseconds. */
  lagMs(offset: number, nowMs: number): number {
    const missed = this.samples.find(sample => sample.offset > offset);
    return missed === undefined ? 0 : nowMs - missed.atMs;
  }
}
