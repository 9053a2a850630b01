import type { Config, PoolConfig } from '../config/config.ts';
import { Clock } from '../core/clock.ts';
import type { Log } from '../core/log.ts';
import type { PoolSnapshot } from '../core/statistics.ts';
import { Turn } from '../core/turn.ts';
import { VERSION } from '../core/version.ts';
import { memcachedProtocol } from '../protocol/memcached/memcached.ts';
import type { Protocol } from '../protocol/protocol.ts';
import { redisProtocol } from '../protocol/redis/redis.ts';
import { Frontend } from '../proxy/frontend.ts';
import type { ListenHandle } from '../proxy/listener.ts';
import { Pool } from '../upstream/pool.ts';

const PROTOCOLS: Readonly<Record<PoolConfig['protocol'], Protocol>> = {
  redis: redisProtocol,
  memcached: memcachedProtocol,
};
/** Deadlines are checked this often, at most: a tenth of the shortest timeout, within these bounds. */
const TICK_MIN_MS = 5;
const TICK_MAX_MS = 100;

/** Both sides of one pool. */
interface Lane {
  readonly pool: Pool;
  readonly frontend: Frontend;
}

/** Everything of a worker that touches traffic, built from the configuration. */
export class DataPath {
  private readonly clock = new Clock();
  private readonly turn = new Turn();
  private readonly lanes = new Map<string, Lane>();
  private clients = 0;

  constructor(config: Config, log: Log) {
    const worker = { clock: this.clock, turn: this.turn, log };
    for (const poolConfig of config.pools) {
      const pool = buildPool(poolConfig, worker);
      const frontend = buildFrontend(poolConfig, pool, () => ++this.clients);
      this.lanes.set(poolConfig.name, { pool, frontend });
      if (poolConfig.preconnect) pool.preconnect();
    }
    this.clock.start(tickPeriodMs(config.pools));
  }

  /** Accepts clients of a pool on a bound handle; resolves when it does. */
  async listen(pool: string, handle: ListenHandle): Promise<void> {
    const lane = this.lanes.get(pool);
    if (lane === undefined) throw new Error(`there is no pool ${pool} to listen for`);
    await lane.frontend.listen(handle);
  }

  /** Stops accepting, answers what is pending, closes; cuts off after `timeoutMs`. Returns the clients cut off. */
  async drain(timeoutMs: number): Promise<number> {
    const frontends = [...this.lanes.values()].map(lane => lane.frontend);
    const drained = Promise.all(frontends.map(frontend => frontend.drain()));
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    await Promise.race([drained, late]);
    clearTimeout(timer);
    let cut = 0;
    for (const frontend of frontends) cut += frontend.destroyClients();
    for (const lane of this.lanes.values()) lane.pool.close();
    this.clock.stop();
    return cut;
  }

  snapshot(): PoolSnapshot[] {
    return [...this.lanes.values()].map(({ pool }) => ({
      name: pool.name,
      stats: pool.stats,
      backends: pool.backends.map(backend => ({ name: backend.name, stats: backend.snapshot() })),
    }));
  }
}

function buildPool(config: PoolConfig, worker: { clock: Clock; turn: Turn; log: Log }): Pool {
  const tag = config.hashTag === null ? null : Buffer.from(config.hashTag);
  return new Pool(
    {
      name: config.name,
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
        password: config.redisAuth,
        db: config.redisDb,
        connections: config.serverConnections,
        timeoutMs: config.timeoutMs,
        connectTimeoutMs: config.connectTimeoutMs,
        maxInflight: config.maxInflight,
        outputLimitBytes: config.serverOutputLimitBytes,
        autoEject: config.autoEjectHosts,
        failureLimit: config.serverFailureLimit,
        retryTimeoutMs: config.serverRetryTimeoutMs,
      })),
    },
    worker,
  );
}

function buildFrontend(config: PoolConfig, pool: Pool, nextClientId: () => number): Frontend {
  return new Frontend(
    pool,
    {
      protocol: PROTOCOLS[config.protocol],
      parser: { version: VERSION, password: config.redisAuth },
      limits: {
        maxRequestBytes: config.maxRequestBytes,
        maxPipeline: config.maxPipeline,
        bufferBytes: config.clientBufferBytes,
        outputLimitBytes: config.clientOutputLimitBytes,
      },
      sendsToFirstKey: config.crossServer === 'first_key',
      tcpKeepalive: config.tcpKeepalive,
      backlog: config.backlog,
    },
    nextClientId,
  );
}

function tickPeriodMs(pools: readonly PoolConfig[]): number {
  const shortestMs = Math.min(...pools.filter(pool => pool.timeoutMs > 0).map(pool => pool.timeoutMs / 10));
  return Math.min(TICK_MAX_MS, Math.max(TICK_MIN_MS, shortestMs));
}
