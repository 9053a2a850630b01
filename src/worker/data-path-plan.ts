import type { Config, PoolConfig } from '../config/config.ts';
import { poolPassword } from '../config/pool-password.ts';
import { PROTOCOLS } from '../protocol/protocols.ts';
import { type Pool, type PoolOptions, type PoolPlan, planPool } from '../upstream/pool.ts';
import { Slices } from './slices.ts';

/** The next configuration with everything done that can be refused. */
export interface DataPathPlan {
  readonly config: Config;
  /** A pool that is not here stays as it is. */
  readonly pools: ReadonlyMap<string, PoolPlan>;
}

/** What runs now: what need not be built again. */
export interface RunningPools {
  /** Whether the pool is served by just this configuration already. */
  servesAsIs(pool: PoolConfig): boolean;
  placementOf(pool: string): Pool['placement'] | null;
}

/** Builds what `DataPath.apply` needs, as the pools come, without keeping clients waiting. */
export class DataPathPlanner {
  private readonly running: RunningPools | null;
  private readonly configs: PoolConfig[] = [];
  private readonly plans = new Map<string, PoolPlan>();

  constructor(running: RunningPools | null) {
    this.running = running;
  }

  /** Rejects with a RangeError for weights that no ring can have. */
  async add(pools: readonly PoolConfig[]): Promise<void> {
    const slices = new Slices();
    for (const pool of pools) {
      this.configs.push(pool);
      if (this.running?.servesAsIs(pool) !== true) {
        this.plans.set(pool.name, planPool(poolOptions(pool), this.running?.placementOf(pool.name)));
      }
      await slices.next();
    }
  }

  /** `config`: with the pools that were not added yet. Rejects as `add` does. */
  async finish(config: Config): Promise<DataPathPlan> {
    await this.add(config.pools);
    return { config: { ...config, pools: this.configs }, pools: this.plans };
  }
}

function poolOptions(config: PoolConfig): PoolOptions {
  const tag = config.hashTag === null ? null : Buffer.from(config.hashTag);
  return {
    ring: {
      hash: config.hash,
      hashTag: tag === null ? null : [tag[0] as number, tag[1] as number],
      distribution: config.distribution,
    },
    backends: config.servers.map(server => ({
      name: server.name,
      weight: server.weight,
      address: server.address,
      protocol: PROTOCOLS[config.protocol],
      password: poolPassword(config),
      db: config.redisDb,
      connections: config.serverConnections,
      privateConnections: config.privateConnections,
      timeoutMs: config.timeoutMs,
      queueTimeoutMs: config.queueTimeoutMs,
      connectTimeoutMs: config.connectTimeoutMs,
      keepaliveIdleMs: config.keepaliveIdleMs,
      maxInflight: config.maxInflight,
      outputLimitBytes: config.serverOutputLimitBytes,
      autoEject: config.autoEjectHosts,
      failureLimit: config.serverFailureLimit,
      retryTimeoutMs: config.serverRetryTimeoutMs,
    })),
  };
}
