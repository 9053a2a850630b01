import type { Steps } from '../system/slices.ts';
import type { Config } from './config.ts';

/** `next` with the very pools of `known` that are the same in it: whoever compares the two then sees at once that nothing has changed. */
export function* withKnownPools(next: Config, known: Config): Steps<Config> {
  const byName = new Map(known.pools.map(pool => [pool.name, pool]));
  const pools = [];
  for (const pool of next.pools) {
    const same = byName.get(pool.name);
    // They are plain data, made by the same program: equal ones have their fields in the same order.
    pools.push(same !== undefined && (same === pool || JSON.stringify(same) === JSON.stringify(pool)) ? same : pool);
    yield;
  }
  return Object.freeze({ ...next, pools: Object.freeze(pools) });
}
