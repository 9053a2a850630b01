import { isDeepStrictEqual } from 'node:util';
import type { PoolConfig } from '../../config/config.ts';
import type { ClusterTopology } from '../../ipc/cluster-topology.ts';
import type { Log } from '../../system/log.ts';

export interface TopologyWatchHost {
  readonly log: Log;
  /** The pool's topology is another than before. */
  onTopology(pool: string, topology: ClusterTopology): void;
}

/** What came of asking; a topology of null: nothing is known anew. `isSettled`: else the next look is soon. */
export interface Finding {
  readonly topology: ClusterTopology | null;
  readonly isSettled: boolean;
}

/** From one refresh to the next: the least time, up to so much longer. */
const JITTER = 0.1;

/**
 * Follows the servers of one pool that are found, for all workers: asks at once, every `refresh_interval`, and soon after a hint.
 *
 *   hint ─▶ wanted ── refresh_min since the last one ──▶ asking ─▶ topology, if it changed
 *             ▲                                            │ nobody knows, or not all
 *             └────────────────────────────────────────────┘
 *
 * Hints that come meanwhile are one.
 */
export abstract class TopologyWatch {
  topology: ClusterTopology | null = null;
  /** How often was asked, and of these without result. */
  refreshes = 0;
  failures = 0;
  /** When the topology was last asked for with success, and changed: milliseconds since 1970; 0: never. */
  refreshedAtMs = 0;
  changedAtMs = 0;
  /** The last reason to ask. */
  why = '';
  /** How often another server has taken over. */
  failOvers = 0;
  protected pool: PoolConfig;
  protected readonly running = new AbortController();
  private readonly host: TopologyWatchHost;
  private timer: NodeJS.Timeout | null = null;
  private isAsking = false;
  private isWanted = false;
  private askedAtMs = Number.NEGATIVE_INFINITY;
  private onFirst: () => void = () => {};
  /** Of each node, since when it has its role, in milliseconds since 1970. */
  private roles = new Map<string, { readonly isReplica: boolean; readonly sinceMs: number }>();

  constructor(pool: PoolConfig, host: TopologyWatchHost) {
    this.pool = pool;
    this.host = host;
  }

  get name(): string {
    return this.pool.name;
  }

  /** Takes over another configuration of the pool, and asks by it. */
  configure(pool: PoolConfig): void {
    const isSame = isDeepStrictEqual(this.asked(this.pool), this.asked(pool));
    this.pool = pool;
    if (!isSame) this.wanted('its configuration changed');
  }

  /** Begins; resolves when the first round of questions is done. */
  start(): Promise<void> {
    const first = new Promise<void>(resolve => {
      this.onFirst = resolve;
    });
    this.wanted('start');
    return first;
  }

  /** There is a reason to ask. */
  wanted(why: string): void {
    this.why = why;
    this.isWanted = true;
    this.schedule();
  }

  /** Since when the node has its role, as far as is known: milliseconds since 1970; 0: there is no such node. */
  roleSinceMs(node: string): number {
    return this.roles.get(node)?.sinceMs ?? 0;
  }

  stop(): void {
    this.running.abort();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.onFirst();
  }

  /** What of a configuration makes a difference to what is asked. */
  protected abstract asked(pool: PoolConfig): unknown;

  protected abstract get pauses(): { readonly refreshMinMs: number; readonly refreshIntervalMs: number };

  /** Asks; never rejects. */
  protected abstract ask(): Promise<Finding>;

  /** `topology` takes the place of the one there is. */
  protected abstract sayChanged(topology: ClusterTopology): void;

  private noteRoles({ nodes }: ClusterTopology): void {
    const before = new Map((this.topology?.nodes ?? []).map(node => [node.name, node]));
    const roles = new Map<string, { readonly isReplica: boolean; readonly sinceMs: number }>();
    for (const { name, host, port, isReplica } of nodes) {
      const [old, role] = [before.get(name), this.roles.get(name)];
      const isSame = old?.isReplica === isReplica && old.host === host && old.port === port;
      roles.set(name, isSame && role !== undefined ? role : { isReplica, sinceMs: this.refreshedAtMs });
      if (old !== undefined && !isSame && !isReplica) this.failOvers++;
    }
    this.roles = roles;
  }

  private schedule(): void {
    if (this.isAsking || this.running.signal.aborted) return;
    const { refreshMinMs, refreshIntervalMs } = this.pauses;
    const leastMs = this.isWanted ? refreshMinMs : refreshIntervalMs;
    const pauseMs = this.askedAtMs + leastMs * (1 + Math.random() * JITTER) - performance.now();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.refresh(), Math.max(0, pauseMs));
    this.timer.unref();
  }

  private async refresh(): Promise<void> {
    this.timer = null;
    this.isAsking = true;
    if (!this.isWanted) this.why = 'refresh_interval';
    this.isWanted = false;
    this.askedAtMs = performance.now();
    this.refreshes++;
    const { topology, isSettled } = await this.ask();
    this.isAsking = false;
    if (this.running.signal.aborted) return;
    if (!isSettled) this.isWanted = true;
    if (topology === null) this.failures++;
    else this.take(topology);
    this.onFirst();
    this.schedule();
  }

  private take(topology: ClusterTopology): void {
    this.refreshedAtMs = Date.now();
    if (isDeepStrictEqual(topology, this.topology)) return;
    this.changedAtMs = this.refreshedAtMs;
    this.sayChanged(topology);
    this.noteRoles(topology);
    this.topology = topology;
    this.host.onTopology(this.name, topology);
  }
}
