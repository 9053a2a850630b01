import type { LargeItem } from './largest.ts';
import type { HeavyItem } from './space-saving.ts';

/** The heaviest of something, and how far off their counts may be beyond the error of each. */
export interface HeavyList {
  /** The weight of all, listed or not. */
  readonly total: number;
  readonly items: readonly HeavyItem[];
}

/**
 * What one worker has seen of a pool's traffic lately. Plain data, which travels as it is. A client's `item` is its address,
 * and after a space its name if it has one.
 */
export interface TrafficInsight {
  readonly pool: string;
  /** The time that keys and clients are told of. */
  readonly coveredMs: number;
  /** One request in so many was looked at; 0: none. Counts of keys are of these, times this. */
  readonly sampledOneIn: number;
  readonly hotKeys: HeavyList;
  readonly clientRequests: HeavyList;
  readonly clientBytes: HeavyList;
  /** Of the last ten to twenty minutes: bytes of values read and written, keys of one request. */
  readonly largestReads: readonly LargeItem[];
  readonly largestWrites: readonly LargeItem[];
  readonly widest: readonly LargeItem[];
}
