import type { Lease, LeasedShare } from './leased-share.ts';

/** What a worker had no place for lately it needs. */
const DRY_LATELY_MS = 500;
const USE_OVER_MS = 1000;
/** What is owed is given in parts when not all of it is free so long after it was asked for. */
const GIVEN_WHOLE_WITHIN_MS = 100;
/** Places have no time to fill in: with what the master counts beside them, a lost lease is as if it had never been. */
const FORGOTTEN_AFTER_MS = 1000;

/**
 * The part that a worker has leased of the places for requests that are not answered. A place that is asked back while a request
 * has it is given once that is answered, and nobody else gets it before.
 */
export class PendingShare implements LeasedShare {
  /** Names it, over all workers. */
  readonly key: string;
  readonly name = 'pending';
  readonly limit: { readonly perMs: number; readonly capacity: number; readonly units: number };
  readonly asksForPart = true;
  units = 0;
  isKnown = false;
  isProvisional = false;
  /** Requests that are not answered; there may be more than places when these became fewer. */
  private used = 0;
  /** The most that were used since `peakSinceMs`. */
  private peak = 0;
  private peakSinceMs = 0;
  private dryAtMs = Number.NEGATIVE_INFINITY;
  /** Something of what it has was used since it had nothing. */
  private hasServed = false;
  /** It owes what it has above this. */
  private ceiling = Number.POSITIVE_INFINITY;
  private owedSinceMs = 0;

  constructor(key: string, places: number) {
    this.key = key;
    this.limit = { perMs: places / FORGOTTEN_AFTER_MS, capacity: places, units: places };
  }

  /** Places that a request can have. */
  get free(): number {
    return Math.min(this.units, this.ceiling) - this.used;
  }

  has(count: number, nowMs: number): boolean {
    if (this.free >= count) return true;
    this.dryAtMs = nowMs;
    return false;
  }

  /** So many can be free at once; without any that is not known. */
  mayHold(count: number): boolean {
    return this.units === 0 || Math.min(this.units, this.ceiling) >= count;
  }

  take(): void {
    this.used++;
    this.hasServed = true;
    if (this.used > this.peak) this.peak = this.used;
  }

  put(count: number): void {
    this.used -= count;
  }

  get isOwing(): boolean {
    return this.units > this.ceiling;
  }

  /** What is owed and free by now. */
  giveOwed(nowMs: number): Lease {
    const owed = this.units - this.ceiling;
    const unused = this.units - this.used;
    if (owed <= 0 || unused <= 0) return { units: 0, tokens: 0 };
    if (unused < owed && nowMs - this.owedSinceMs < GIVEN_WHOLE_WITHIN_MS) return { units: 0, tokens: 0 };
    this.owedSinceMs = nowMs;
    return this.give(Math.min(owed, unused));
  }

  lease({ units }: Lease, nowMs: number): void {
    if (this.units === 0) {
      this.hasServed = false;
      this.peak = this.used;
      this.peakSinceMs = nowMs;
    }
    this.units += units;
    // Whoever still lacks some has it recalled again.
    if (units > 0) this.ceiling = Number.POSITIVE_INFINITY;
  }

  provide(units: number, nowMs: number): void {
    this.isKnown = true;
    this.isProvisional = true;
    this.lease({ units, tokens: units }, nowMs);
  }

  /** Gives what it does not need, and of what it needs all above `keep`, as soon as that is free; see `RateShare.giveDownTo`. */
  giveDownTo(keep: number, nowMs: number): Lease {
    const isDry = nowMs - this.dryAtMs < DRY_LATELY_MS;
    const needed = isDry ? this.units : this.peak;
    if (nowMs - this.peakSinceMs > USE_OVER_MS) {
      this.peak = this.used;
      this.peakSinceMs = nowMs;
    }
    const most = isDry && !this.hasServed ? Math.max(1, keep) : keep;
    // Asked again and again it would never have owed for long.
    if (!this.isOwing) this.owedSinceMs = nowMs;
    this.ceiling = Math.min(this.units, needed, most);
    if (!this.isOwing) this.ceiling = Number.POSITIVE_INFINITY;
    return this.giveOwed(nowMs);
  }

  giveAll(): Lease {
    return this.give(this.units);
  }

  private give(units: number): Lease {
    this.units -= units;
    if (!this.isOwing) this.ceiling = Number.POSITIVE_INFINITY;
    return { units, tokens: units };
  }
}
