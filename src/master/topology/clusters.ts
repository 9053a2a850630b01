import type { TopologyRow } from '../../admin/topology-row.ts';
import { pairPools } from '../../config/changes/changes.ts';
import type { Config, PoolConfig, ServerConfig } from '../../config/config.ts';
import { isFound } from '../../config/found-servers.ts';
import type { ClusterTopology } from '../../ipc/cluster-topology.ts';
import type { OutServer } from '../../ipc/messages.ts';
import { type PoolServer, poolServers } from '../../ipc/pool-servers.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { PoolReplicas, type PoolReplicasHost } from './pool-replicas.ts';
import { SentinelWatch } from './sentinel-watch.ts';
import { type Discovery, topologyRow } from './topology-api.ts';
import type { TopologyWatch, TopologyWatchHost } from './topology-watch.ts';

/** A daemon that starts waits so long for the topologies, and then serves without. */
const FIRST_WITHIN_MS = 5000;

export interface ClustersHost extends TopologyWatchHost {
  /** Which servers are out is another matter than before. */
  tellHealth(): void;
}

/** Follows the topologies of all pools whose servers are found: clusters, and those that Sentinels look after. */
export class Clusters implements Discovery {
  private readonly host: TopologyWatchHost & PoolReplicasHost;
  private pools: readonly PoolConfig[] = [];
  private watches = new Map<string, TopologyWatch>();
  private replicas = new Map<string, PoolReplicas>();

  constructor(host: ClustersHost) {
    this.host = {
      log: host.log,
      onTopology: (pool, topology) => {
        this.readFrom(pool);
        host.onTopology(pool, topology);
      },
      onVerdict: () => host.tellHealth(),
    };
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
    this.setReplicas(pairs);
    return Promise.all(firsts);
  }

  /** The servers of a pool, which may be one that is served by another configuration, as far as they are known. */
  servers(pool: PoolConfig): readonly PoolServer[] {
    return poolServers(pool, this.watches.get(pool.name)?.topology ?? null);
  }

  /** Replicas that must not be read from. */
  out(): OutServer[] {
    return [...this.replicas.values()].flatMap(replicas => replicas.out());
  }

  private setReplicas(pairs: ReadonlyMap<string, PoolConfig>): void {
    const old = this.replicas;
    this.replicas = new Map();
    for (const pool of this.pools) {
      if (pool.readFrom === 'primary') continue;
      const before = pairs.get(pool.name)?.name ?? pool.name;
      this.replicas.set(pool.name, old.get(before) ?? new PoolReplicas(pool, this.host));
      old.delete(before);
      this.readFrom(pool.name);
    }
    for (const gone of old.values()) gone.stop();
  }

  /** The servers of a pool are perhaps others now. */
  private readFrom(name: string): void {
    const pool = this.pools.find(each => each.name === name);
    if (pool === undefined) return;
    this.replicas.get(name)?.configure(pool, this.servers(pool));
  }

  private watch(pool: PoolConfig): TopologyWatch {
    return pool.cluster === null ? new SentinelWatch(pool, this.host) : new ClusterWatch(pool, this.host);
  }

  /** As `setPools`; resolves when there was an answer, or there was none for long enough. */
  async start(pools: readonly PoolConfig[]): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, FIRST_WITHIN_MS);
    const all = this.setPools(pools).then(() => Promise.all([...this.replicas.values()].map(each => each.asked)));
    await Promise.race([all, late]);
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

  /** With the servers that were found, and the replicas that are read from. */
  resolved(config: Config): Config {
    return { ...config, pools: this.withNodes(config.pools) };
  }

  /**
   * The pools, or the one of them that is called `only`, with the nodes that were found for servers; a master that nobody has
   * named yet is among them.
   */
  withNodes(pools: readonly PoolConfig[], only: string | null = null): PoolConfig[] {
    return pools.flatMap(pool => {
      if (only !== null && pool.name !== only) return [];
      if (!isFound(pool) && pool.readFrom === 'primary') return pool;
      const topology = this.watches.get(pool.name)?.topology ?? null;
      return isFound(pool) && topology === null
        ? pool
        : { ...pool, servers: poolServers(pool, topology).map(serverOf) };
    });
  }

  foundPools(): readonly PoolConfig[] {
    return this.withNodes(this.pools);
  }

  rows(): readonly TopologyRow[] {
    return this.pools.flatMap(pool => {
      const watch = this.watches.get(pool.name);
      return watch === undefined ? [] : topologyRow(pool, watch);
    });
  }

  stop(): void {
    void this.setPools([]);
  }
}

function serverOf({ name, address, weight }: PoolServer): ServerConfig {
  return { name, address, weight };
}
