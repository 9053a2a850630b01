import { isDeepStrictEqual } from 'node:util';
import { configChanges } from '../../config/changes/changes.ts';
import type { Config, PoolConfig } from '../../config/config.ts';
import { isSameRing, type RingSettings, ringOf, withRing } from '../../config/tables/ring-settings.ts';
import { RefusedError } from '../errors.ts';

/** The ring of one pool that a new file changes. */
export interface RingChange {
  readonly pool: string;
  readonly from: RingSettings;
  readonly to: RingSettings;
  /** The file changes nothing else. */
  readonly isAll: boolean;
}

/**
 * What `next` changes of the rings of `now`. `only`: the pool that is meant, whatever else is different; null: there must be
 * one, and nothing else may differ. Throws a RefusedError.
 */
export function ringChange(now: Config, next: Config, only: string | null): RingChange {
  const changed = now.pools.flatMap(pool => {
    const after = next.pools.find(({ name }) => name === pool.name);
    return after === undefined || isSameRing(pool, after) ? [] : [{ pool, after }];
  });
  const names = changed.map(({ pool }) => pool.name).join(', ');
  const meant = only === null ? changed[0] : changed.find(({ pool }) => pool.name === only);
  if (only !== null && !now.pools.some(({ name }) => name === only)) throw new RefusedError(`there is no pool ${only}`);
  if (meant === undefined) {
    throw new RefusedError(`the new file has the same ring ${only === null ? 'for every pool' : `for ${only}`}`);
  }
  if (only === null && changed.length > 1) {
    throw new RefusedError(
      `the new file changes the rings of several pools (${names}): one after the other, with --pool`,
    );
  }
  const { pool, after } = meant;
  refuseUnlessMovable(pool, after);
  const others = otherChanges(now, next, pool, after);
  if (only === null && others.length > 0) {
    throw new RefusedError(
      `the new file changes more than the ring of ${pool.name}: ${others.join('; ')}. Reload with these first, or give ` +
        `--pool ${pool.name} to take nothing but the ring from it`,
    );
  }
  return { pool: pool.name, from: ringOf(pool), to: ringOf(after), isAll: others.length === 0 && changed.length === 1 };
}

function refuseUnlessMovable(pool: PoolConfig, after: PoolConfig): void {
  const { name } = pool;
  if (pool.cluster !== null || after.cluster !== null) {
    throw new RefusedError(`pool ${name} is a Redis Cluster: it moves its slots itself`);
  }
  if (pool.protocol !== after.protocol) throw new RefusedError(`pool ${name} changes its protocol`);
  if ([...pool.servers, ...after.servers].some(({ address }) => 'master' in address)) {
    throw new RefusedError(`pool ${name} has servers that Sentinel names: a fail-over would lose keys on their way`);
  }
  if (pool.readFrom !== 'primary' || after.readFrom !== 'primary') {
    throw new RefusedError(
      `pool ${name} reads from replicas: those of a key's new server have it later; set read_from: primary meanwhile`,
    );
  }
  if (pool.distribution === 'random' || after.distribution === 'random') {
    throw new RefusedError(`the distribution of pool ${name} is random: its keys have no place to move from or to`);
  }
}

/** In words. */
function otherChanges(now: Config, next: Config, pool: PoolConfig, after: PoolConfig): string[] {
  // As if the new file had the old ring.
  const rest = {
    ...next,
    pools: next.pools.map(each => (each === after ? withRing(after, pool) : each)),
    withoutHash: now.withoutHash,
  };
  if (isDeepStrictEqual(rest, now)) return [];
  const { added, removed, changed, settings } = configChanges(now, rest);
  const found = [
    ...added.map(name => `pool ${name} is new`),
    ...removed.map(name => `pool ${name} is gone`),
    ...changed.map(each => `pool ${each.pool}: ${[...each.settings, ...serversOf(each)].join(', ')}`),
    ...settings,
  ];
  return found.length > 0 ? found : ['the order of pools or the form of the file'];
}

const serversOf = (change: {
  readonly serversAdded: readonly string[];
  readonly serversRemoved: readonly string[];
  readonly serversChanged: readonly string[];
}): string[] =>
  change.serversAdded.length + change.serversRemoved.length + change.serversChanged.length > 0 ? ['servers'] : [];
