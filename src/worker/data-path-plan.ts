import { addressText } from '../config/address.ts';
import type { ClusterConfig, Config, PoolConfig } from '../config/config.ts';
import { isFound } from '../config/found-servers.ts';
import type { ClusterTopology } from '../ipc/cluster-topology.ts';
import type { HandedPool } from '../ipc/messages.ts';
import { poolServers } from '../ipc/pool-servers.ts';
import type { ReshardState } from '../ipc/reshard-state.ts';
import { LastingObjects } from '../memory/lasting-objects.ts';
import { PROTOCOLS } from '../protocol/protocols.ts';
import { ownProxyHeader } from '../system/own-proxy-header.ts';
import { Slices } from '../system/slices.ts';
import type { Pool } from '../upstream/pool.ts';
import {
  type ClusterOptions,
  type PoolOptions,
  type PoolPlan,
  planPool,
  type ReshardOptions,
} from '../upstream/pool-plan.ts';
import type { ReadOptions } from '../upstream/read-choice.ts';
import { servedShape, unionOf } from './served-shape.ts';

/** The next configuration with everything done that can be refused. */
export interface DataPathPlan {
  readonly config: Config;
  /** A pool that is not here stays as it is. */
  readonly pools: ReadonlyMap<string, PoolPlan>;
}

/** What runs now: what need not be built again. */
export interface RunningPools {
  /** By what the pool is served; null: there is no such pool. */
  configOf(pool: string): PoolConfig | null;
  placementOf(pool: string): Pool['placement'] | null;
}

/** Builds what `DataPath.apply` needs, as the pools come, without keeping clients waiting. */
export class DataPathPlanner {
  private readonly running: RunningPools | null;
  private readonly configs: PoolConfig[] = [];
  private readonly plans = new Map<string, PoolPlan>();
  private readonly objects = new LastingObjects();
  private isAbandoned = false;

  constructor(running: RunningPools | null) {
    this.running = running;
  }

  /** Rejects with a RangeError for weights that no ring can have, with an Error for names that are not served. */
  async add(pools: readonly HandedPool[]): Promise<void> {
    const slices = new Slices();
    for (const pool of pools) {
      if (this.isAbandoned) return;
      if (typeof pool === 'string') this.configs.push(this.served(pool));
      else {
        this.configs.push(pool);
        // Of servers that are found the plan is made anew when it is applied: by then its topology may be known.
        this.plans.set(pool.name, planPool(poolOptions(pool, NO_TOPOLOGY), this.running?.placementOf(pool.name)));
        await this.objects.made(pool.servers.length);
      }
      await slices.next();
    }
  }

  /** Nothing of it is applied: what was built goes back to the system. */
  async abandon(): Promise<void> {
    this.isAbandoned = true;
    this.objects.end(true);
    const slices = new Slices();
    for (const { placement } of this.plans.values()) {
      placement.release();
      await slices.next();
    }
  }

  private served(name: string): PoolConfig {
    const config = this.running?.configOf(name) ?? null;
    if (config === null) throw new Error(`pool ${name} was to stay as it is, and is not served`);
    return config;
  }

  /** `config`: its pools are those that were added. */
  finish(config: Config): DataPathPlan {
    this.objects.end(true);
    return { config: { ...config, pools: this.configs }, pools: this.plans };
  }
}

export const NO_TOPOLOGY: ClusterTopology = { nodes: [], ranges: [] };
/** Where there is no `timeout`. */
const PATIENCE_MS = 5000;

/** `topology`: of a pool that is a cluster. `reshard`: of one that is between two rings. */
export function poolOptions(
  configured: PoolConfig,
  topology: ClusterTopology,
  reshard: ReshardState | null = null,
): PoolOptions {
  const config = servedShape(configured, reshard);
  return {
    ring: ringOf(config),
    reshard: reshard === null || isFound(config) ? null : reshardOptions(reshard),
    isFound: isFound(config),
    cluster: config.cluster === null ? null : clusterOptions(config, config.cluster, topology),
    reads: readOptions(config),
    backends: poolServers(config, topology).map(server => ({
      name: server.name,
      weight: server.weight,
      isReplica: server.isReplica,
      primary: server.primary,
      zone: server.zone,
      isReadAsReplica: server.isReplica && config.cluster !== null && config.readFrom !== 'primary',
      address: server.address,
      protocol: PROTOCOLS[config.protocol],
      tls: config.tls?.servers ?? null,
      proxyHeader: ownProxyHeader(config.serverProxyProtocol),
      credentials: server.credentials,
      db: config.redisDb,
      connections: config.serverConnections,
      privateConnections: config.privateConnections,
      timeoutMs: config.timeoutMs,
      queueTimeoutMs: config.queueTimeoutMs,
      connectTimeoutMs: config.connectTimeoutMs,
      keepaliveIdleMs: config.keepaliveIdleMs,
      maxInflight: config.maxInflight,
      outputLimitBytes: config.serverOutputLimitBytes,
      autoEject: config.autoEjectHosts && !server.isReplica,
      failureLimit: config.serverFailureLimit,
      retryTimeoutMs: config.serverRetryTimeoutMs,
    })),
  };
}

function ringOf({ hash, hashTag, distribution }: PoolConfig): PoolOptions['ring'] {
  const tag = hashTag === null ? null : Buffer.from(hashTag);
  return { hash, hashTag: tag === null ? null : [tag[0] as number, tag[1] as number], distribution };
}

/** Null: just one of the two rings is in use. */
function reshardOptions(state: ReshardState): ReshardOptions | null {
  const { id, phase, half, from, to } = state;
  if (phase === 'new') return null;
  const union = unionOf(state);
  return {
    ...{ id, phase },
    half:
      half === 'whole'
        ? null
        : { isFirst: half === 'first', addresses: union.servers.map(({ address }) => addressText(address)) },
    from: { ring: { ...ringOf(from), servers: from.servers }, places: union.from },
    to: { ring: { ...ringOf(to), servers: to.servers }, places: union.to },
  };
}

function clusterOptions(
  { timeoutMs }: PoolConfig,
  { maxRedirects }: ClusterConfig,
  { nodes, ranges }: ClusterTopology,
): ClusterOptions {
  return {
    slots: { addresses: nodes.map(({ name, aliases }) => [name, ...aliases]), ranges },
    maxRedirects,
    patienceMs: timeoutMs > 0 ? timeoutMs : PATIENCE_MS,
  };
}

function readOptions(config: PoolConfig): ReadOptions | null {
  if (config.readFrom === 'primary') return null;
  return {
    from: config.readFrom,
    fallsBack: config.replicaUnavailable === 'primary',
    zone: config.availabilityZone,
    toleranceMs: config.nearestToleranceMs,
    ownWritesMs: config.readYourWritesMs,
  };
}

/** A pool can go on by the other configuration with the clients that it has. */
export function isOneLane(now: PoolConfig, next: PoolConfig): boolean {
  const isCluster = next.cluster !== null;
  // With another prefix all that clients have subscribed to, watch or wait for would be others'.
  const isAlike = now.keyPrefix === next.keyPrefix && now.poolBy === next.poolBy;
  return isAlike && now.protocol === next.protocol && (now.cluster !== null) === isCluster;
}
