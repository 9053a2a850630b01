import { addressText } from '../config/address.ts';
import type { PoolConfig } from '../config/config.ts';
import { countPairs, HASH_VALUES } from '../placement/hash-cycle.ts';
import { type Placement, placementOf, serverShares } from './pool-ring.ts';

/** Keys that leave one address for another. */
export interface Flow {
  /** Index into the servers of the old pool. */
  readonly from: number;
  /** Index into the servers of the new pool. */
  readonly to: number;
  /** Part of the keys that the movement is about. */
  readonly share: number;
  /** Of the 2³² values of the hash; null when the share is not a count of them. */
  readonly hashValues: number | null;
}

/** What happens to keys when the pool `from` becomes the pool `to`. */
export interface Movement {
  /**
   * Which keys: all of them; or, when only `hash_tag` changes, those of which the same bytes are hashed as before, and
   * those of which other bytes are.
   */
  readonly keys: 'all' | 'same-bytes' | 'other-bytes';
  /**
   * `exact`: counted over all values of the hash. `independent`: the key's old and new hash have nothing to do with each
   * other, so it is what to expect: the products of the servers' shares. `random`: a key has no server of its own on
   * one side or both; nothing is said about it.
   */
  readonly basis: 'exact' | 'independent' | 'random';
  /** Part of these keys that moves to another address; null for `random`. */
  readonly moved: number | null;
  /** The largest first. */
  readonly flows: readonly Flow[];
}

/** How keys move between two pools; a key has moved when its server's address is another. */
export function keyMovements(from: PoolConfig, to: PoolConfig): Movement[] {
  const [before, after] = [placementOf(from), placementOf(to)];
  if (before.cycle === null || after.cycle === null) {
    return [{ keys: 'all', basis: 'random', moved: null, flows: [] }];
  }
  // A pool of one server does not ask the hash, so it compares with any.
  const isSameHash = before.source === null || after.source === null || before.source === after.source;
  const isSameTag = before.source === null || after.source === null || from.hashTag === to.hashTag;
  if (!isSameHash) return [independent('all', from, to, before, after)];
  if (isSameTag) return [exact('all', from, to, before, after)];
  return [exact('same-bytes', from, to, before, after), independent('other-bytes', from, to, before, after)];
}

function exact(
  keys: Movement['keys'],
  from: PoolConfig,
  to: PoolConfig,
  before: Placement,
  after: Placement,
): Movement {
  const pairs = countPairs(before.cycle!, after.cycle!);
  const flows = pairs.map(pair => ({
    from: pair.from,
    to: pair.to,
    share: pair.hashes / HASH_VALUES,
    hashValues: pair.hashes,
  }));
  return movement(keys, 'exact', from, to, flows);
}

function independent(
  keys: Movement['keys'],
  from: PoolConfig,
  to: PoolConfig,
  before: Placement,
  after: Placement,
): Movement {
  const sharesAfter = serverShares(to, after);
  const flows = serverShares(from, before).flatMap((share, i) =>
    sharesAfter.map((shareAfter, j) => ({ from: i, to: j, share: share * shareAfter, hashValues: null })),
  );
  return movement(keys, 'independent', from, to, flows);
}

function movement(
  keys: Movement['keys'],
  basis: Movement['basis'],
  from: PoolConfig,
  to: PoolConfig,
  all: readonly Flow[],
): Movement {
  const addressesBefore = from.servers.map(server => addressText(server.address));
  const addressesAfter = to.servers.map(server => addressText(server.address));
  const flows = all.filter(flow => flow.share > 0 && addressesBefore[flow.from] !== addressesAfter[flow.to]);
  flows.sort((a, b) => b.share - a.share || a.from - b.from || a.to - b.to);
  const moved = flows.reduce((sum, flow) => sum + flow.share, 0);
  return { keys, basis, moved: Math.min(1, moved), flows };
}
