import { isDeepStrictEqual } from 'node:util';
import type { PoolConfig } from '../config.ts';

/** What of a pool says which server has which key: with the same, no key moves. */
export type RingSettings = Pick<PoolConfig, 'servers' | 'hash' | 'hashTag' | 'distribution'>;

/**
 * While a server gives keys away it waits for the one that takes them; two that give to each other at the same time would wait
 * in vain. Such a change of the ring goes in two halves: first to those servers only that sort later by their address, then
 * to those that sort earlier.
 *
 *   first    from `from` to the halfway placement
 *   second   from the halfway placement to `to`
 */
export type Half = 'whole' | 'first' | 'second';

export function ringOf({ servers, hash, hashTag, distribution }: RingSettings): RingSettings {
  return { servers, hash, hashTag, distribution };
}

/** The pool, with its keys placed so. */
export function withRing(pool: PoolConfig, ring: RingSettings): PoolConfig {
  return { ...pool, ...ringOf(ring) };
}

export function isSameRing(a: RingSettings, b: RingSettings): boolean {
  return isDeepStrictEqual(ringOf(a), ringOf(b));
}
