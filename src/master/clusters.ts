import { pairPools } from '../config/changes.ts';
import type { PoolConfig } from '../config/config.ts';
import { foundServers, isFound } from '../config/found-servers.ts';
import type { ClusterTopology } from '../ipc/cluster-topology.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { SentinelWatch } from './sentinel-watch.ts';
import type { TopologyWatch, TopologyWatchHost } from './topology-watch.ts';

/** A daemon that starts waits so long for the topologies, and then serves without. */
const FIRST_WITHIN_MS = 5000;

/** Follows the topologies of all pools whose servers are found: clusters, and those that Sentinels look after. */
export class Clusters {
  private readonly host: TopologyWatchHost;
  private pools: readonly PoolConfig[] = [];
  private watches = new Map<string, TopologyWatch>();

  constructor(host: TopologyWatchHost) {
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
      if (!isFound(pool)) continue;
      const before = pairs.get(pool.name) ?? pool;
      const isSameKind = (before.cluster === null) === (pool.cluster === null);
      const had = isSameKind ? old.get(before.name) : undefined;
      if (had !== undefined) old.delete(before.name);
      const watch = had ?? this.watch(pool);
      this.watches.set(pool.name, watch);
      if (had === undefined) firsts.push(watch.start());
      else watch.configure(pool);
    }
    for (const gone of old.values()) gone.stop();
    return Promise.all(firsts);
  }

  private watch(pool: PoolConfig): TopologyWatch {
    return pool.cluster === null ? new SentinelWatch(pool, this.host) : new ClusterWatch(pool, this.host);
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

  /**
   * The pools, or the one of them that is called `only`, with the nodes that were found for servers; a master that nobody has
   * named yet is among them.
   */
  withNodes(pools: readonly PoolConfig[], only: string | null = null): PoolConfig[] {
    return pools.flatMap(pool => {
      if (only !== null && pool.name !== only) return [];
      const nodes = this.watches.get(pool.name)?.topology?.nodes;
      return nodes === undefined ? pool : { ...pool, servers: foundServers(pool, nodes) };
    });
  }

  stop(): void {
    void this.setPools([]);
  }
}
