import type { PoolConfig } from '../config/config.ts';
import { keyRingOf, serverShares } from './pool-ring.ts';

/** Where a list of keys goes in one pool. Arrays are in the order of the file. */
export interface KeySpread {
  /** Keys, and bytes, of each server. */
  readonly keys: Float64Array;
  readonly bytes: Float64Array;
  /** What part of all hashes each server owns: what keys at random would be near. */
  readonly shares: readonly number[];
  readonly totalKeys: number;
  readonly totalBytes: number;
}

/** A key of the list, and how large its value is. */
export interface SizedKey {
  readonly key: Buffer;
  readonly bytes: number;
}

/** Counts the keys of each server. Of a random pool, which places no key, all counts are 0. */
export function keySpread(pool: PoolConfig, sized: Iterable<SizedKey>): KeySpread {
  const ring = keyRingOf(pool);
  const keys = new Float64Array(pool.servers.length);
  const bytes = new Float64Array(pool.servers.length);
  let [totalKeys, totalBytes] = [0, 0];
  for (const each of sized) {
    totalKeys++;
    totalBytes += each.bytes;
    if (pool.distribution === 'random') continue;
    const server = ring.pick(each.key, 0, each.key.length);
    keys[server]! += 1;
    bytes[server]! += each.bytes;
  }
  return { keys, bytes, shares: serverShares(pool), totalKeys, totalBytes };
}

/**
 * The most of any server, in units of what each would have if all had the same for their weight; `counts` are in the order
 * of the pool's servers.
 */
export function busiest({ servers }: PoolConfig, counts: Float64Array): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const totalWeight = servers.reduce((sum, { weight }) => sum + weight, 0);
  if (total === 0) return 1;
  return Math.max(...servers.map(({ weight }, i) => counts[i]! / total / (weight / totalWeight)));
}

/** As applications number their keys. */
const NUMBERED_KEYS = 1000;
/** Keys at random are beyond it in one of many thousands of pools, bad hashes are a hundredfold. */
const UNEVEN_SIGMAS = 8;

/** A server that running numbers don't spread to as they should, and the part of them that it gets; null: all is even. */
export function unevenOnNumbers(pool: PoolConfig): { readonly server: number; readonly share: number } | null {
  const { keys, shares, totalKeys } = keySpread(pool, numberedKeys());
  let [chiSquare, worst] = [0, 0];
  for (const [i, share] of shares.entries()) {
    const expected = share * totalKeys;
    if (expected === 0) continue;
    chiSquare += (keys[i]! - expected) ** 2 / expected;
    if (keys[i]! - expected > keys[worst]! - shares[worst]! * totalKeys) worst = i;
  }
  const freedom = pool.servers.length - 1;
  if (chiSquare <= freedom + UNEVEN_SIGMAS * Math.sqrt(2 * freedom)) return null;
  return { server: worst, share: keys[worst]! / totalKeys };
}

/** The first and the last of what `unevenOnNumbers` tries. */
export const NUMBERED = `session:1 … session:${NUMBERED_KEYS}`;

function* numberedKeys(): Iterable<SizedKey> {
  for (let i = 1; i <= NUMBERED_KEYS; i++) yield { key: Buffer.from(`session:${i}`), bytes: 0 };
}
