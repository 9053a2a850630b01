import { isDeepStrictEqual } from 'node:util';
import type { HealthFigures } from '../../admin/pool-metrics.ts';
import { CANNOT_ASK, type ProbeTarget, probe } from '../../admin/probe.ts';
import { pairPools } from '../../config/changes/changes.ts';
import type { HealthCheckConfig, PoolConfig } from '../../config/config.ts';
import { isFound } from '../../config/found-servers.ts';
import type { OutServer } from '../../ipc/messages.ts';
import type { PoolServer } from '../../ipc/pool-servers.ts';
import type { Log } from '../../system/log.ts';
import { atOnce, type Steps } from '../../system/slices.ts';
import { ServerHealth } from './server-health.ts';

/** From one probe to the next: the interval, up to so much shorter or longer. */
const JITTER = 0.1;

export interface HealthChecksHost {
  readonly log: Log;
  /** The verdict on some server is another than before. */
  onVerdict(): void;
  /** A server is down whose place only another can take that is found: a reason to ask. */
  onDoubt(pool: string, server: string): void;
  /** The servers of a pool as they are now; see `poolServers`. */
  servers(pool: PoolConfig): readonly PoolServer[];
  /** For tests: what asks a server; see `probe`. */
  readonly probe?: typeof probe;
}

/**
 * Asks the servers of all pools that have a `health_check`, once for all workers, and says which are down. Those are out, but for
 * the owners of keys that are found: nobody stands in for them before a cluster or Sentinels have named another.
 */
export class HealthChecks {
  private readonly host: HealthChecksHost;
  private pools: readonly PoolConfig[] = [];
  /** By pool, then by server. */
  private checks = new Map<string, Map<string, ServerCheck>>();

  constructor(host: HealthChecksHost) {
    this.host = host;
  }

  /**
   * Takes over another configuration, without a word to the host. Servers that stay, in a pool that may have another
   * name now, keep their verdict; one at another address, or that is asked in another way, is up until shown otherwise.
   */
  setPools(pools: readonly PoolConfig[]): void {
    atOnce(this.poolSteps(pools));
  }

  /** The same, pool by pool; until the end all are known as they were. */
  *poolSteps(pools: readonly PoolConfig[]): Steps<void> {
    const pairs = pairPools(this.pools, pools);
    const old = new Map(this.checks);
    const checks = new Map<string, Map<string, ServerCheck>>();
    for (const pool of pools) {
      if (pool.healthCheck === null) continue;
      const before = pairs.get(pool.name)?.name ?? pool.name;
      checks.set(pool.name, this.checksOf(pool, pool.healthCheck, old.get(before)));
      old.delete(before);
      yield;
    }
    this.pools = pools;
    this.checks = checks;
    for (const gone of old.values()) for (const check of gone.values()) check.stop();
  }

  /** The servers of a pool are others now. */
  serversChanged(name: string): void {
    const pool = this.pools.find(each => each.name === name);
    if (pool === undefined || pool.healthCheck === null) return;
    const old = this.checks.get(name);
    const checks = this.checksOf(pool, pool.healthCheck, old);
    this.checks.set(name, checks);
    // Should it come again, under the same name, it is up until shown otherwise.
    const isOutGone = [...(old ?? [])].some(([server, { health }]) => !health.isUp && !checks.has(server));
    if (isOutGone) this.host.onVerdict();
  }

  /** Of servers that stay it is the check there was; the others of `old` end. */
  private checksOf(pool: PoolConfig, rules: HealthCheckConfig, old: ReadonlyMap<string, ServerCheck> | undefined) {
    const checks = new Map<string, ServerCheck>();
    for (const server of this.host.servers(pool)) {
      const check = old?.get(server.name) ?? new ServerCheck(this.host);
      check.configure(pool, server, rules);
      checks.set(server.name, check);
    }
    for (const [name, check] of old ?? []) if (!checks.has(name)) check.stop();
    return checks;
  }

  /** Goes on with those that are down by another process's verdict, without a word to the host. */
  restore(down: readonly OutServer[]): void {
    const nowMs = performance.now();
    for (const { pool, server, why } of down) this.checks.get(pool)?.get(server)?.health.stayDown(why, nowMs);
  }

  /** Those that are down now. */
  down(): OutServer[] {
    return this.downOf(() => true);
  }

  /** Those of them that are out. */
  out(): OutServer[] {
    return this.downOf(({ hasStandIn }) => hasStandIn);
  }

  /** Those of them that keep their place. */
  unwell(): OutServer[] {
    return this.downOf(({ hasStandIn }) => !hasStandIn);
  }

  private downOf(isMeant: (check: ServerCheck) => boolean): OutServer[] {
    return this.all().flatMap(({ pool, server, check }) =>
      check.health.isUp || !isMeant(check) ? [] : [{ pool, server, why: check.health.why ?? '', isEjected: false }],
    );
  }

  /** What is known of a server: null when it is well, else why not; undefined: it is not asked, or was not yet. */
  verdictOf(pool: string, server: string): string | null | undefined {
    const check = this.checks.get(pool)?.get(server);
    if (check?.isKnown !== true) return undefined;
    return check.health.isUp ? null : (check.health.why ?? '');
  }

  figures(): HealthFigures[] {
    return this.all().map(({ pool, server, check }) => ({
      ...{ pool, server, isDown: !check.health.isUp, downs: check.downs },
      ...{ probes: check.probes, failures: check.failures },
    }));
  }

  stop(): void {
    this.setPools([]);
  }

  private all(): { readonly pool: string; readonly server: string; readonly check: ServerCheck }[] {
    return [...this.checks].flatMap(([pool, checks]) =>
      [...checks].map(([server, check]) => ({ pool, server, check })),
    );
  }
}

/** One server of one pool: asked again and again, one probe at a time. */
class ServerCheck {
  health = new ServerHealth();
  /** It was asked, where it is now. */
  isKnown = false;
  /** While it is down others do what it did. */
  hasStandIn = true;
  probes = 0;
  failures = 0;
  downs = 0;
  private readonly host: HealthChecksHost;
  private names = { pool: '', server: '' };
  private target: ProbeTarget | null = null;
  private rules: HealthCheckConfig | null = null;
  private timer: NodeJS.Timeout | null = null;
  private running = new AbortController();

  constructor(host: HealthChecksHost) {
    this.host = host;
  }

  configure(pool: PoolConfig, server: PoolServer, rules: HealthCheckConfig): void {
    this.names = { pool: pool.name, server: server.name };
    this.hasStandIn = server.isReplica || !isFound(pool);
    const { address, credentials } = server;
    const target = {
      protocol: pool.protocol,
      address,
      credentials,
      tls: pool.tls?.servers ?? null,
      proxyVersion: pool.serverProxyProtocol,
    };
    const isSameTarget = isDeepStrictEqual(target, this.target);
    if (isSameTarget && isDeepStrictEqual(rules, this.rules)) return;
    if (!isSameServer(target, this.target)) {
      this.health = new ServerHealth();
      this.isKnown = false;
    }
    this.target = target;
    this.rules = rules;
    this.stop();
    this.running = new AbortController();
    // Spread over the interval, so that servers are not all asked at the same moment.
    this.askAfter(Math.random() * rules.intervalMs);
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.running.abort();
  }

  private askAfter(pauseMs: number): void {
    this.timer = setTimeout(() => void this.ask(), pauseMs);
    this.timer.unref();
  }

  private async ask(): Promise<void> {
    const { target, rules } = this;
    if (target === null || rules === null) return;
    const { signal } = this.running;
    const startedAtMs = performance.now();
    const why = await (this.host.probe ?? probe)(target, rules.timeoutMs, signal);
    // Meanwhile it may be asked in another way, or not at all.
    if (signal.aborted) return;
    const nowMs = performance.now();
    const nextMs = rules.intervalMs * (1 - JITTER + Math.random() * 2 * JITTER);
    this.askAfter(Math.max(0, startedAtMs + nextMs - nowMs));
    this.take(why, nowMs, rules);
  }

  private take(why: string | null, nowMs: number, rules: HealthCheckConfig): void {
    const { health, names } = this;
    const { log } = this.host;
    if (why === CANNOT_ASK) {
      log.error({ ...names, why }, 'health check could not be made: the verdict stands');
      return;
    }
    this.isKnown = true;
    this.probes++;
    if (why !== null) {
      this.failures++;
      log.debug({ ...names, why }, 'health check failed');
    }
    if (!health.observe(why, nowMs, rules)) return;
    if (health.isUp) this.sayUp();
    else this.sayDown(why, rules);
    if (this.hasStandIn) this.host.onVerdict();
  }

  private sayUp(): void {
    const { names, hasStandIn } = this;
    const { log } = this.host;
    if (hasStandIn) log.info(names, 'server is up again: health checks succeed, it is back in the ring');
    else log.info(names, 'server is up again: health checks succeed');
  }

  private sayDown(why: string | null, rules: HealthCheckConfig): void {
    const { names, health, hasStandIn } = this;
    const { log } = this.host;
    this.downs++;
    const event = { ...names, why, failures: rules.failures, successesNeeded: health.successesNeeded(rules) };
    if (hasStandIn) log.warn(event, 'server is down: health checks failed, it is out of the ring');
    else {
      log.warn(event, 'server is down: health checks failed, and its place is its own until another is found');
      this.host.onDoubt(names.pool, names.server);
    }
  }
}

/** With another certificate it is the same server. */
function isSameServer(a: ProbeTarget, b: ProbeTarget | null): boolean {
  const [one, other] = [a, b].map(each => each && { ...each, tls: each.tls != null });
  return isDeepStrictEqual(one, other);
}
