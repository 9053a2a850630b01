import { isDeepStrictEqual } from 'node:util';
import { askReplication } from '../../admin/ask-replication.ts';
import type { PoolConfig } from '../../config/config.ts';
import type { OutServer } from '../../ipc/messages.ts';
import type { PoolServer } from '../../ipc/pool-servers.ts';
import type { ReplicationState } from '../../protocol/traits.ts';
import type { Log } from '../../system/log.ts';
import { ReplicationClock } from './replication-clock.ts';

export interface PoolReplicasHost {
  readonly log: Log;
  /** Another replica is left out than before, or none any more. */
  onVerdict(): void;
  /** For tests: what asks a server. */
  readonly ask?: typeof askReplication;
}

/** From one round to the next: the interval, up to so much shorter or longer. */
const JITTER = 0.1;
/** Rounds in a row in which one that was left out has to be well. */
const WELL_ROUNDS = 2;
const ASKED_AT_ONCE = 64;
const NOT_ASKED = 'it was not asked yet';

/** What is known of one replica. */
class Verdict {
  /** Why it is left out; null: it is not. */
  why: string | null = NOT_ASKED;
  private wellRounds = 0;

  /** `why` of this round; true: it is another matter now whether it is left out. */
  observe(why: string | null): boolean {
    const wasIn = this.why === null;
    const isFirst = this.why === NOT_ASKED;
    this.wellRounds = why === null ? this.wellRounds + 1 : 0;
    if (why !== null) this.why = why;
    else if (isFirst || this.wellRounds >= WELL_ROUNDS) this.why = null;
    return wasIn !== (this.why === null);
  }
}

/** The replicas of one pool: all are asked again and again, for all workers, and those that must not be read from left out. */
export class PoolReplicas {
  private readonly host: PoolReplicasHost;
  private pool: PoolConfig;
  private servers: readonly PoolServer[] = [];
  private verdicts = new Map<string, Verdict>();
  private readonly clocks = new Map<string, ReplicationClock>();
  private timer: NodeJS.Timeout | null = null;
  private readonly running = new AbortController();
  private isAsking = false;
  private isAskedAgain = false;
  private readonly first = Promise.withResolvers<void>();

  constructor(pool: PoolConfig, host: PoolReplicasHost) {
    this.pool = pool;
    this.host = host;
  }

  /** Resolves when all that there were at first have been asked. */
  get asked(): Promise<void> {
    return this.first.promise;
  }

  /** Takes over another configuration and other servers, and asks at once if they are others. */
  configure(pool: PoolConfig, servers: readonly PoolServer[]): void {
    const isSame = isDeepStrictEqual(servers, this.servers);
    const before = new Map(this.servers.map(server => [server.name, server]));
    this.pool = pool;
    this.servers = servers;
    const old = this.verdicts;
    this.verdicts = new Map();
    for (const server of servers) {
      if (!server.isReplica) continue;
      const stays = isDeepStrictEqual(before.get(server.name), server);
      this.verdicts.set(server.name, (stays ? old.get(server.name) : undefined) ?? new Verdict());
    }
    const names = new Set(servers.map(({ name }) => name));
    for (const name of this.clocks.keys()) if (!names.has(name)) this.clocks.delete(name);
    if (!isSame || this.timer === null) this.askAfter(0);
  }

  /** Those that are left out. */
  out(): OutServer[] {
    return [...this.verdicts].flatMap(([server, { why }]) =>
      why === null ? [] : [{ pool: this.pool.name, server, why, isEjected: false }],
    );
  }

  stop(): void {
    this.running.abort();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.first.resolve();
  }

  private askAfter(pauseMs: number): void {
    this.isAskedAgain = this.isAsking && pauseMs === 0;
    if (this.isAsking || this.running.signal.aborted) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.round(), pauseMs).unref();
  }

  private async round(): Promise<void> {
    this.isAsking = true;
    this.isAskedAgain = false;
    const { servers, pool, clocks } = this;
    const replicas = servers.filter(({ isReplica }) => isReplica);
    const followed = new Set(replicas.map(({ primary }) => primary));
    const primaries = servers.filter(({ name, isReplica }) => !isReplica && followed.has(name));
    // Primaries first: what a replica has is held against what its primary had before.
    await this.askAll(primaries, ({ name }, said) => {
      const clock = clocks.get(name) ?? new ReplicationClock();
      clocks.set(name, clock);
      if (typeof said !== 'string' && !said.isReplica) clock.note(said.offset, performance.now());
    });
    let isChanged = false;
    await this.askAll(replicas, (server, said) => {
      if (this.observe(server, this.whyNot(server, said))) isChanged = true;
    });
    this.isAsking = false;
    if (this.running.signal.aborted) return;
    if (isChanged) this.host.onVerdict();
    this.first.resolve();
    const pauseMs = pool.replicaCheckMs * (1 - JITTER + Math.random() * 2 * JITTER);
    this.askAfter(this.isAskedAgain ? 0 : pauseMs);
  }

  private async askAll(
    servers: readonly PoolServer[],
    take: (server: PoolServer, said: ReplicationState | string) => void,
  ): Promise<void> {
    const { protocol, replicaCheckMs, tls, serverProxyProtocol: proxyVersion } = this.pool;
    const ask = this.host.ask ?? askReplication;
    const { signal } = this.running;
    const askOne = async (server: PoolServer): Promise<void> => {
      const { address, credentials } = server;
      const target = { protocol, address, credentials, tls: tls?.servers ?? null, proxyVersion };
      const said = await ask(target, replicaCheckMs, signal);
      if (!signal.aborted) take(server, said);
    };
    for (let i = 0; i < servers.length; i += ASKED_AT_ONCE) {
      await Promise.all(servers.slice(i, i + ASKED_AT_ONCE).map(askOne));
    }
  }

  private whyNot({ primary }: PoolServer, said: ReplicationState | string): string | null {
    if (typeof said === 'string') return said;
    if (!said.isReplica) return 'it is no replica';
    if (said.isSyncing) return 'it is being synchronised';
    if (!said.isLinked) return 'its link to the primary is down';
    const { maxLagMs } = this.pool;
    if (maxLagMs === 0) return null;
    const lagMs = this.clocks.get(primary ?? '')?.lagMs(said.offset, performance.now()) ?? 0;
    return lagMs > maxLagMs ? `it is ${Math.round(lagMs)} ms behind` : null;
  }

  private observe({ name: server }: PoolServer, why: string | null): boolean {
    const verdict = this.verdicts.get(server);
    if (verdict?.observe(why) !== true) return false;
    const event = { pool: this.pool.name, server };
    if (verdict.why === null) this.host.log.info(event, 'replica is read from');
    else this.host.log.warn({ ...event, why: verdict.why }, 'replica is left out');
    return true;
  }
}
