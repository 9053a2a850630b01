import { isDeepStrictEqual } from 'node:util';
import { CANNOT_ASK, type ProbeTarget, probe } from '../../admin/probe.ts';
import { pairPools } from '../../config/changes/changes.ts';
import type { PoolConfig, ServerConfig } from '../../config/config.ts';
import { serverCredentials } from '../../config/server-credentials.ts';
import type { OutServer } from '../../ipc/messages.ts';
import { FlapPenalty } from '../../placement/flap-penalty.ts';
import type { Log } from '../../system/log.ts';

/** An ejected server is not asked more often than this, however short its retry timeout. */
const PROBE_PAUSE_MIN_MS = 50;
/** A server that keeps toggling is out for no longer than this before it is probed, or for its retry timeout. */
const TOGGLING_PAUSE_MAX_MS = 5 * 60_000;

export interface EjectionsHost {
  readonly log: Log;
  /** Another set of servers is out than before. */
  onVerdict(): void;
  /** For tests: what asks a server; see `probe`. */
  readonly probe?: typeof probe;
}

/** What a worker says of a server whose requests have failed `failures` times in a row. */
export interface Trouble {
  readonly pool: string;
  readonly server: string;
  readonly reason: string;
  readonly failures: number;
}

/**
 * Which servers are out of the ring because requests to them fail (`auto_eject_hosts`), decided once for all workers: rings
 * that differ would have one key live on two servers.
 *
 *   a worker's trouble ─▶ out, in all workers ──pause──▶ probe ─▶ answered: back, in all workers
 *                                               ▲           └──▶ failed
 *                                               └──────pause───────┘
 *
 * The pause is `server_retry_timeout`, longer for a server that toggles. One that answers probes and fails one worker's
 * requests all the same toggles, too.
 */
export class Ejections {
  private readonly host: EjectionsHost;
  private pools: readonly PoolConfig[] = [];
  /** By pool, then by server: those that were ejected once. */
  private entries = new Map<string, Map<string, Ejection>>();

  constructor(host: EjectionsHost) {
    this.host = host;
  }

  /**
   * Takes over another configuration, without a word to the host. Servers that stay stay out; one at another address, or of a
   * pool without `auto_eject_hosts`, is in.
   */
  setPools(pools: readonly PoolConfig[]): void {
    const { entries: old } = this;
    const pairs = pairPools(this.pools, pools);
    this.pools = pools;
    this.entries = new Map();
    for (const pool of pools) {
      const had = old.get(pairs.get(pool.name)?.name ?? pool.name);
      if (had === undefined || !pool.autoEjectHosts) continue;
      for (const server of pool.servers) {
        const ejection = had.get(server.name);
        if (ejection?.stays(pool, server) !== true) continue;
        had.delete(server.name);
        ejection.configure(pool, server);
        this.add(pool.name, server.name, ejection);
      }
    }
    for (const gone of old.values()) for (const ejection of gone.values()) ejection.stop();
  }

  /** A worker can't use a server. What is not a server of the current configuration is none any more. */
  trouble({ pool: poolName, server: serverName, reason, failures }: Trouble): void {
    const pool = this.pools.find(({ name }) => name === poolName);
    const server = pool?.servers.find(({ name }) => name === serverName);
    if (pool === undefined || server === undefined || !pool.autoEjectHosts) return;
    let ejection = this.entries.get(poolName)?.get(serverName);
    if (ejection === undefined) {
      ejection = new Ejection(this.host);
      ejection.configure(pool, server);
      this.add(poolName, serverName, ejection);
    }
    ejection.eject(reason, failures);
  }

  /** Goes on with those that are out by another process's verdict, without a word to the host. */
  restore(out: readonly OutServer[]): void {
    for (const { pool: poolName, server: serverName, why } of out) {
      const pool = this.pools.find(({ name }) => name === poolName);
      const server = pool?.servers.find(({ name }) => name === serverName);
      if (pool === undefined || server === undefined || !pool.autoEjectHosts) continue;
      const ejection = new Ejection(this.host);
      ejection.configure(pool, server);
      ejection.stayOut(why);
      this.add(poolName, serverName, ejection);
    }
  }

  /** An operator lets it back; false: it is not out. */
  readmit(pool: string, server: string, by: string): boolean {
    return this.entries.get(pool)?.get(server)?.readmit(by) ?? false;
  }

  /** Those that are out now; `why` is the reason that the worker gave. */
  out(): OutServer[] {
    return [...this.entries].flatMap(([pool, ejections]) =>
      [...ejections].flatMap(([server, { reason }]) =>
        reason === null ? [] : [{ pool, server, why: reason, isEjected: true }],
      ),
    );
  }

  stop(): void {
    this.setPools([]);
  }

  private add(pool: string, server: string, ejection: Ejection): void {
    const ofPool = this.entries.get(pool) ?? new Map<string, Ejection>();
    this.entries.set(pool, ofPool.set(server, ejection));
  }
}

/** One server of one pool. */
class Ejection {
  /** While it is out: what requests failed of. */
  reason: string | null = null;
  private readonly host: EjectionsHost;
  private readonly penalty = new FlapPenalty();
  private names = { pool: '', server: '' };
  private target: ProbeTarget | null = null;
  private retryTimeoutMs = 0;
  private probeTimeoutMs = 0;
  private timer: NodeJS.Timeout | null = null;
  private readonly running = new AbortController();

  constructor(host: EjectionsHost) {
    this.host = host;
  }

  stays(pool: PoolConfig, server: ServerConfig): boolean {
    return isDeepStrictEqual(targetOf(pool, server), this.target);
  }

  configure(pool: PoolConfig, server: ServerConfig): void {
    this.names = { pool: pool.name, server: server.name };
    this.target = targetOf(pool, server);
    const { timeoutMs, connectTimeoutMs } = pool;
    this.probeTimeoutMs = timeoutMs > 0 ? Math.min(timeoutMs, connectTimeoutMs) : connectTimeoutMs;
    if (this.retryTimeoutMs === pool.serverRetryTimeoutMs) return;
    this.retryTimeoutMs = pool.serverRetryTimeoutMs;
    if (this.timer !== null) this.probeAfter(this.pauseMs(1));
  }

  eject(reason: string, failures: number): void {
    // Another worker was faster, or this one asks again: all have the verdict, or get it now.
    if (this.reason !== null) {
      this.host.onVerdict();
      return;
    }
    this.reason = reason;
    this.penalty.wentDown(performance.now());
    const pauseMs = this.pauseMs(this.penalty.factor);
    this.host.log.warn({ ...this.names, reason, failures, probeInMs: pauseMs }, 'server ejected');
    this.host.onVerdict();
    this.probeAfter(pauseMs);
  }

  stayOut(reason: string): void {
    this.reason = reason;
    this.penalty.wentDown(performance.now());
    this.probeAfter(this.pauseMs(1));
  }

  readmit(by: string): boolean {
    if (this.reason === null) return false;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.comeBack(by);
    return true;
  }

  stop(): void {
    this.reason = null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.running.abort();
  }

  private probeAfter(pauseMs: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.probe(), pauseMs);
    this.timer.unref();
  }

  private async probe(): Promise<void> {
    this.timer = null;
    const { target, names, host } = this;
    const { signal } = this.running;
    const why = await (host.probe ?? probe)(target!, this.probeTimeoutMs, signal);
    // Somebody may have let it back meanwhile.
    if (signal.aborted || this.reason === null) return;
    if (why !== null) {
      if (why === CANNOT_ASK) host.log.error({ ...names, why }, 'ejected server could not be asked: it stays out');
      else host.log.debug({ ...names, why }, 'ejected server does not answer yet');
      this.probeAfter(this.pauseMs(1));
      return;
    }
    this.comeBack('it answered a probe');
  }

  private comeBack(why: string): void {
    this.reason = null;
    this.penalty.cameBack(performance.now());
    this.host.log.info({ ...this.names, why }, 'server readmitted');
    this.host.onVerdict();
  }

  private pauseMs(factor: number): number {
    const onceMs = Math.max(PROBE_PAUSE_MIN_MS, this.retryTimeoutMs);
    return Math.max(onceMs, Math.min(onceMs * factor, TOGGLING_PAUSE_MAX_MS));
  }
}

function targetOf(pool: PoolConfig, server: ServerConfig): ProbeTarget {
  return {
    protocol: pool.protocol,
    address: server.address,
    credentials: serverCredentials(pool, server),
    tls: pool.tls?.servers ?? null,
    proxyVersion: pool.serverProxyProtocol,
  };
}
