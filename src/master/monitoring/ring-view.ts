import type { PoolConfig } from '../../config/config.ts';
import { countOwned, cycleOf, HASH_VALUES, type HashCycle, throughCrc32 } from '../../placement/hash-cycle.ts';
import { buildRing } from '../../placement/ring.ts';

/** The circle of hashes is shown as so many slices. */
const SLICES = 720;
/** Of more servers nobody sees anything, and a ring takes a while. */
const SERVERS_MAX = 2000;
const KEPT = 16;

/** Which part of all hashes each server has, of those that are in the ring now. */
export interface RingView {
  readonly pool: string;
  readonly distribution: string;
  /** In the order of the file. They add up to 1, unless all are out. */
  readonly servers: readonly { readonly server: string; readonly share: number }[];
  /** Of each slice of the circle, from hash 0 on, the index of who has its middle. Empty: the ring has none, or too many servers. */
  readonly slices: readonly number[];
}

/** The rings of pools, as they are now. Those that were asked for last are kept: one of a thousand servers takes some 0.1 s. */
export class RingViews {
  private readonly kept = new Map<string, { readonly of: string; readonly view: RingView }>();

  /** `isIn`: whether the server of that name is in the ring. */
  of(pool: PoolConfig, isIn: (server: string) => boolean): RingView {
    const live = pool.servers.map(({ name }) => isIn(name));
    const parts = pool.servers.map(({ name, weight }, i) => `${name} ${weight} ${live[i]}`);
    const of = [pool.distribution, pool.hash, ...parts].join('\n');
    const before = this.kept.get(pool.name);
    if (before?.of === of) return before.view;
    const view = viewOf(pool, live);
    this.kept.delete(pool.name);
    this.kept.set(pool.name, { of, view });
    if (this.kept.size > KEPT) for (const name of [...this.kept.keys()].slice(0, 1)) this.kept.delete(name);
    return view;
  }
}

function viewOf({ name: pool, distribution, hash, servers }: PoolConfig, live: readonly boolean[]): RingView {
  const inRing = live.filter(isLive => isLive).length;
  const view = (shares: ArrayLike<number>, slices: readonly number[]) => ({
    ...{ pool, distribution, slices },
    servers: servers.map(({ name: server }, i) => ({ server, share: shares[i]! })),
  });
  if (inRing === 0) return view(new Float64Array(servers.length), []);
  const isRing = distribution !== 'random' && servers.length <= SERVERS_MAX;
  const ring = isRing && servers.length > 1 ? buildRing(distribution, servers, live) : null;
  if (ring === null || ring.distribution === 'random') {
    return view(
      Float64Array.from(live, isLive => (isLive ? 1 / inRing : 0)),
      [],
    );
  }
  const plain = cycleOf(ring);
  const cycle = hash === 'crc32' ? throughCrc32(plain) : plain;
  const owned = countOwned(cycle, servers.length);
  return view(
    owned.map(hashes => hashes / HASH_VALUES),
    distribution === 'ketama' ? slicesOf(cycle) : [],
  );
}

function slicesOf({ length, ends, owners }: HashCycle): number[] {
  let run = 0;
  return Array.from({ length: SLICES }, (_, i) => {
    const middle = ((i + 0.5) / SLICES) * length;
    while (ends[run]! <= middle) run++;
    return owners[run]!;
  });
}
