import { isDeepStrictEqual } from 'node:util';
import type { PoolConfig } from './config.ts';

/** What of a pool says which server has which key: with the same, no key moves. */
export type RingSettings = Pick<PoolConfig, 'servers' | 'hash' | 'hashTag' | 'distribution'>;

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
