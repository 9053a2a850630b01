import type { PoolConfig } from '../config/config.ts';
import type { HashName } from '../hash/hash.ts';
import { countOwned, cycleOf, HASH_VALUES, type HashCycle, ONE_OWNER, throughCrc32 } from '../placement/hash-cycle.ts';
import { KeyRing } from '../placement/key-ring.ts';
import { buildRing } from '../placement/ring.ts';

/** How a pool places its keys, all servers live. */
export interface Placement {
  /** null: at random. Else over the values of `source`. */
  readonly cycle: HashCycle | null;
  /** The hash that the cycle is laid over: crc32a for crc32, which is a part of it. null: it is not asked. */
  readonly source: HashName | null;
}

/** The ring of a pool as a worker has it. */
export function keyRingOf(pool: PoolConfig): KeyRing {
  const tag = pool.hashTag === null ? null : Buffer.from(pool.hashTag);
  return new KeyRing({
    hash: pool.hash,
    hashTag: tag === null ? null : [tag[0]!, tag[1]!],
    distribution: pool.distribution,
    servers: pool.servers,
  });
}

export function placementOf(pool: PoolConfig): Placement {
  if (pool.servers.length === 1) return { cycle: ONE_OWNER, source: null };
  const ring = buildRing(pool.distribution, pool.servers);
  if (ring.distribution === 'random') return { cycle: null, source: null };
  const cycle = cycleOf(ring);
  return pool.hash === 'crc32' ? { cycle: throughCrc32(cycle), source: 'crc32a' } : { cycle, source: pool.hash };
}

/** What part of all hashes each server of the pool gets, in the order of the file; they add up to 1. */
export function serverShares(pool: PoolConfig, placement: Placement = placementOf(pool)): number[] {
  const { cycle } = placement;
  if (cycle === null) return pool.servers.map(() => 1 / pool.servers.length);
  return Array.from(countOwned(cycle, pool.servers.length), hashes => hashes / HASH_VALUES);
}
