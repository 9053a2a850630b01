import { pairPools } from '../config/changes.ts';
import type { PoolConfig } from '../config/config.ts';
import type { ClusterTopology } from '../ipc/cluster-topology.ts';
import { ClusterWatch, type ClusterWatchHost } from './cluster-watch.ts';

/** A daemon that starts waits so long for the topologies of its clusters, and then serves without. */
const FIRST_WITHIN_MS = 5000;

/** Follows the topologies of all pools that are clusters. */
export class Clusters {
  private readonly host: ClusterWatchHost;
  private pools: readonly PoolConfig[] = [];
  private watches = new Map<string, ClusterWatch>();

  constructor(host: ClusterWatchHost) {
    this.host = host;
  }

  /** Takes over another configuration; a cluster that stays, in a pool that may have another name now, keeps its topology. */
  setPools(pools: readonly PoolConfig[]): Promise<unknown> {
    const old = this.watches;
    const pairs = pairPools(this.pools, pools);
    this.pools = pools;
    this.watches = new Map();
    const firsts: Promise<void>[] = [];
    for (const pool of pools) {
      if (pool.cluster === null) continue;
      const before = pairs.get(pool.name)?.name ?? pool.name;
      const had = old.get(before);
      old.delete(before);
      const watch = had ?? new ClusterWatch(pool, this.host);
      this.watches.set(pool.name, watch);
      if (had === undefined) firsts.push(watch.start());
      else watch.configure(pool);
    }
    for (const gone of old.values()) gone.stop();
    return Promise.all(firsts);
  }

  /** As `setPools`; resolves when there was an answer, or there was none for long enough. */
  async start(pools: readonly PoolConfig[]): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, FIRST_WITHIN_MS);
    await Promise.race([this.setPools(pools), late]);
    clearTimeout(timer);
  }

  /** A worker has a reason to believe that something has changed. */
  wanted(pool: string, why: string): void {
    this.watches.get(pool)?.wanted(why);
  }

  /** Those that are known, by pool. */
  topologies(): ReadonlyMap<string, ClusterTopology> {
    return new Map([...this.watches].flatMap(([pool, { topology }]) => (topology === null ? [] : [[pool, topology]])));
  }

  /** The pools with the nodes that were found for servers. */
  withNodes(pools: readonly PoolConfig[]): PoolConfig[] {
    return pools.map(pool => {
      const nodes = this.watches.get(pool.name)?.topology?.nodes;
      if (nodes === undefined) return pool;
      return { ...pool, servers: nodes.map(({ name, host, port }) => ({ name, address: { host, port }, weight: 1 })) };
    });
  }

  stop(): void {
    void this.setPools([]);
  }
}
