/** How long a step may keep a server: not longer than its clients wait now and then anyhow. */
const WANTED_MS = 1;
const FIRST_KEYS = 4;
const MAX_KEYS = 256;
const MAX_BYTES = 1024 * 1024;
/** Before anything was measured: what a server moves in a millisecond. */
export const FIRST_BYTES_PER_MS = 40_000;
/** Smaller steps say more of round trips than of bytes. */
const MEASURED_BYTES = 64 * 1024;
const NEW_WEIGHT = 0.2;
/** A server gets a break of at least so many times what a step took. */
const BREAK = 1;

interface Sized {
  readonly bytes: number;
}

/** How much is moved in one step, by how long the last ones took. */
export class StepSize {
  private keys = FIRST_KEYS;
  private bytesPerMs = FIRST_BYTES_PER_MS;

  /** How long a step of so many bytes is expected to take. */
  msOf(bytes: number): number {
    return bytes / this.bytesPerMs;
  }

  /** What of `group` is the next step, from `at` on: one at least. */
  batch<T extends Sized>(group: readonly T[], at: number): readonly T[] {
    let [end, bytes] = [at, 0];
    while (end < group.length && end - at < this.keys) {
      bytes += group[end]!.bytes;
      if (end > at && (bytes > MAX_BYTES || this.msOf(bytes) > WANTED_MS)) break;
      end++;
    }
    return group.slice(at, end);
  }

  took(keys: number, bytes: number, ms: number): void {
    if (bytes >= MEASURED_BYTES) this.bytesPerMs += (bytes / Math.max(ms, 0.1) - this.bytesPerMs) * NEW_WEIGHT;
    if (keys < this.keys && ms <= WANTED_MS) return;
    this.keys = ms > WANTED_MS ? Math.max(1, keys >> 1) : Math.min(MAX_KEYS, this.keys * 2);
  }

  /** What a server gets for others after a step, at least: a busy one takes longer over a step, and gets longer. */
  pauseMs(tookMs: number): number {
    return tookMs * BREAK;
  }
}
