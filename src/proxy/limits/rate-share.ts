import type { Lease, LeasedShare } from './leased-share.ts';
import type { RateOption } from './limit-options.ts';

/** A limit is leased in so many parts at most. */
const UNITS_MAX = 64;
/** Sums of fractions may lack so much of a whole. */
export const ROUNDING = 1e-6;
/** What a worker has used up lately it needs. */
const DRY_LATELY_MS = 500;
const USE_OVER_MS = 1000;
/** What was used is no promise of what will be. */
const USE_MARGIN = 1.25;

/** A rate as it holds over all workers: a bucket that fills by `perMs` up to `capacity`. */
export class RateLimit {
  readonly perMs: number;
  readonly capacity: number;
  /** Parts that it is leased in; each holds one request at least. */
  readonly units: number;

  constructor({ amount, periodMs }: RateOption, burstMs: number) {
    this.perMs = amount / periodMs;
    this.capacity = Math.max(1, this.perMs * burstMs);
    this.units = Math.max(1, Math.min(UNITS_MAX, Math.floor(this.capacity + ROUNDING)));
  }
}

/**
 * The part of a rate that a worker has leased from the master: a token bucket that fills by its part of the rate, up to its part
 * of the capacity. Tokens go along with the parts they are in, and are made by time alone, so that over all workers no more is
 * used in any time than the rate allows in it and the capacity. What is known only when it was used (the bytes of a reply) may
 * bring it below nothing; that has to be made up for before more is used.
 *
 * Time is the worker's clock: one that was stopped has no more afterwards than its part of the capacity.
 */
export class RateShare implements LeasedShare {
  readonly key: string;
  /** For people. */
  readonly name: string;
  readonly limit: RateLimit;
  readonly asksForPart = false;
  units = 0;
  isKnown = false;
  isProvisional = false;
  private tokens = 0;
  private filledAtMs = 0;
  private dryAtMs = Number.NEGATIVE_INFINITY;
  private used = 0;
  /** Something of what it has was used since it had nothing. */
  private hasServed = false;
  private usedSinceMs = 0;

  constructor(key: string, name: string, limit: RateLimit) {
    this.key = key;
    this.name = name;
    this.limit = limit;
  }

  /** Whether there is `least`, of which more than nothing is meant when it is 0. */
  has(least: number, nowMs: number): boolean {
    this.fill(nowMs);
    if (least === 0 ? this.tokens > 0 : this.tokens >= least - ROUNDING) return true;
    this.dryAtMs = nowMs;
    return false;
  }

  /** The units it has may hold so much at once; without any that is not known. */
  mayHold(amount: number): boolean {
    return this.units === 0 || this.capacity >= amount - ROUNDING;
  }

  take(amount: number): void {
    this.tokens -= amount;
    this.used += amount;
    this.hasServed = true;
  }

  /** As `take`, but no further below nothing than one capacity; false: it is as far below now. Without units nobody knows. */
  takeWithin(amount: number): boolean {
    const floor = -(this.limit.capacity * this.units) / this.limit.units;
    this.used += amount;
    if (this.tokens > floor) this.tokens = Math.max(floor, this.tokens - amount);
    return this.tokens > floor || this.units === 0;
  }

  /** Until as much again may be taken by `takeWithin`, or a whole capacity; infinite: not before more is leased. */
  msUntilWithin(amount: number, nowMs: number): number {
    this.fill(nowMs);
    const missing = Math.min(amount, this.capacity) - this.tokens - this.capacity;
    const { perMs, units } = this.limit;
    return missing <= ROUNDING ? 0 : (missing * units) / (perMs * this.units);
  }

  /** How much may be used at once. */
  available(nowMs: number): number {
    this.fill(nowMs);
    return this.tokens;
  }

  /** Until `has(least)`, as things are; infinite: not before more is leased. */
  msUntil(least: number, nowMs: number): number {
    this.fill(nowMs);
    const missing = Math.max(least, ROUNDING) - this.tokens;
    if (missing <= ROUNDING) return 0;
    const { perMs, units } = this.limit;
    return (missing * units) / (perMs * this.units);
  }

  lease({ units, tokens }: Lease, nowMs: number): void {
    this.fill(nowMs);
    if (this.units === 0) this.hasServed = false;
    this.units += units;
    this.tokens = Math.min(this.tokens + tokens, this.capacity);
  }

  provide(units: number, nowMs: number): void {
    this.isKnown = true;
    this.isProvisional = true;
    this.lease({ units, tokens: (this.limit.capacity * units) / this.limit.units }, nowMs);
  }

  /**
   * Gives what it does not need, and of what it needs all above `keep`: it was used up lately, or this much of it in the last
   * second. Its last unit it gives away when it had some use of it, so that what is too little for all goes round.
   */
  giveDownTo(keep: number, nowMs: number): Lease {
    const isDry = nowMs - this.dryAtMs < DRY_LATELY_MS;
    const spanMs = Math.max(1, nowMs - this.usedSinceMs);
    const { perMs, units: all } = this.limit;
    const needed = isDry ? this.units : Math.ceil((USE_MARGIN * this.used * all) / (spanMs * perMs));
    if (spanMs > USE_OVER_MS) {
      this.used = 0;
      this.usedSinceMs = nowMs;
    }
    const most = isDry && !this.hasServed ? Math.max(1, keep) : keep;
    return this.give(this.units - Math.min(this.units, needed, most), nowMs);
  }

  /** All of it; what it lacks goes along. */
  giveAll(nowMs: number): Lease {
    this.fill(nowMs);
    const { units, tokens } = this;
    this.units = 0;
    this.tokens = 0;
    return { units, tokens };
  }

  /** What makes a whole request stays whole: two workers with half of one each would both wait for more to be made. */
  private give(units: number, nowMs: number): Lease {
    if (units === 0) return { units, tokens: 0 };
    this.fill(nowMs);
    const part = this.tokens > 0 ? (this.tokens * units) / this.units : 0;
    this.units -= units;
    const tokens = this.units === 0 ? part : Math.max(Math.floor(part + ROUNDING), this.tokens - this.capacity);
    this.tokens -= tokens;
    return { units, tokens };
  }

  private get capacity(): number {
    return (this.limit.capacity * this.units) / this.limit.units;
  }

  private fill(nowMs: number): void {
    if (nowMs <= this.filledAtMs) return;
    const { perMs, units } = this.limit;
    const tokens = this.tokens + ((nowMs - this.filledAtMs) * perMs * this.units) / units;
    this.filledAtMs = nowMs;
    this.tokens = Math.min(tokens, this.capacity);
  }
}
