import { isDeepStrictEqual } from 'node:util';
import { askCluster } from '../admin/ask-cluster.ts';
import { addressText } from '../config/address.ts';
import type { ClusterConfig, PoolConfig } from '../config/config.ts';
import { poolPassword } from '../config/pool-password.ts';
import type { ClusterTopology } from '../ipc/cluster-topology.ts';
import type { Log } from '../system/log.ts';
import { type ClusterReading, readTopology } from './cluster-reading.ts';

export interface ClusterWatchHost {
  readonly log: Log;
  /** The pool's topology is another than before. */
  onTopology(pool: string, topology: ClusterTopology): void;
  /** For tests: what asks a node. */
  readonly ask?: typeof askCluster;
}

/** One node has so long to answer, connecting included; then the next one is asked. */
const ASK_TIMEOUT_MS = 1000;
/** From one refresh to the next: the least time, up to so much longer. */
const JITTER = 0.1;

/**
 * Follows the topology of one cluster, for all workers: asks at once, every `refresh_interval`, and soon after a hint.
 *
 *   hint ─▶ wanted ── refresh_min since the last one ──▶ asking: node by node until one knows ─▶ topology, if it changed
 *             ▲                                                      │ none does
 *             └──────────────────────────────────────────────────────┘
 *
 * Hints that come meanwhile are one. Who answered last is asked first; a node that sees only a part of the cluster, or has
 * seen fewer changes of it than another before, is believed only when no other answers.
 */
export class ClusterWatch {
  topology: ClusterTopology | null = null;
  /** How often nodes were asked, and of these without result. */
  refreshes = 0;
  failures = 0;
  /** When the topology was last asked for with success, and changed: milliseconds since 1970; 0: never. */
  refreshedAtMs = 0;
  changedAtMs = 0;
  /** The last reason to ask. */
  why = '';
  private pool: PoolConfig;
  private readonly host: ClusterWatchHost;
  private readonly running = new AbortController();
  private timer: NodeJS.Timeout | null = null;
  private isAsking = false;
  private isWanted = false;
  private askedAtMs = Number.NEGATIVE_INFINITY;
  private epoch = 0;
  /** The node that answered last. */
  private favourite: string | null = null;
  private onFirst: () => void = () => {};

  constructor(pool: PoolConfig, host: ClusterWatchHost) {
    this.pool = pool;
    this.host = host;
  }

  get name(): string {
    return this.pool.name;
  }

  /** Takes over another configuration of the pool, and asks by it. */
  configure(pool: PoolConfig): void {
    const isSame = isDeepStrictEqual(this.pool.cluster, pool.cluster) && poolPassword(this.pool) === poolPassword(pool);
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

  stop(): void {
    this.running.abort();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.onFirst();
  }

  private get rules(): ClusterConfig {
    return this.pool.cluster as ClusterConfig;
  }

  private schedule(): void {
    if (this.isAsking || this.running.signal.aborted) return;
    const { refreshMinMs, refreshIntervalMs } = this.rules;
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
    const reading = await this.ask();
    this.isAsking = false;
    if (this.running.signal.aborted) return;
    if (reading === null) {
      this.failures++;
      this.isWanted = true;
    } else this.take(reading);
    this.onFirst();
    this.schedule();
  }

  private take({ topology, epoch, from, isOk }: ClusterReading): void {
    this.favourite = from;
    this.epoch = epoch;
    this.refreshedAtMs = Date.now();
    // Something is going on: the next look is soon.
    if (!isOk) this.isWanted = true;
    if (isDeepStrictEqual(topology, this.topology)) return;
    this.changedAtMs = this.refreshedAtMs;
    this.topology = topology;
    const primaries = topology.nodes.filter(node => !node.isReplica).length;
    const event = { pool: this.name, why: this.why, from, nodes: topology.nodes.length, primaries, epoch };
    this.host.log.info(event, 'cluster topology changed');
    this.host.onTopology(this.name, topology);
  }

  /** Asks one node after the other; the first answer of one that knows, else the best there was. */
  private async ask(): Promise<ClusterReading | null> {
    const { pool, host } = this;
    const reasons: Record<string, string> = {};
    let best: ClusterReading | null = null;
    for (const [name, { host: nodeHost, port }] of this.candidates()) {
      const target = { protocol: pool.protocol, host: nodeHost, port, password: poolPassword(pool) };
      const answer = await (host.ask ?? askCluster)(target, ASK_TIMEOUT_MS, this.running.signal);
      if (this.running.signal.aborted) return null;
      if (typeof answer === 'string') {
        reasons[name] = answer;
        continue;
      }
      const reading = readTopology(answer, name, nodeHost, this.rules.addressMap ?? []);
      if (reading.topology.ranges.length === 0) reasons[name] = 'it knows of no slots';
      else if (reading.isOk && reading.epoch >= this.epoch) return reading;
      else if (best === null || reading.epoch > best.epoch) best = reading;
    }
    if (best === null) host.log.warn({ pool: this.name, reasons }, 'cluster topology: no node answers');
    return best;
  }

  /** The one that answered last, the other nodes in any order, primaries first, and the seeds. */
  private candidates(): Map<string, { readonly host: string; readonly port: number }> {
    const nodes = (this.topology?.nodes ?? []).map(node => ({ node, order: Math.random() + (node.isReplica ? 1 : 0) }));
    nodes.sort((a, b) => a.order - b.order);
    const all = new Map(nodes.map(({ node }) => [node.name, { host: node.host, port: node.port }]));
    const favourite = this.favourite === null ? undefined : all.get(this.favourite);
    const seeds = this.rules.seeds.map(seed => [addressText(seed), seed] as const);
    return new Map([...(favourite ? [[this.favourite!, favourite] as const] : []), ...all, ...seeds]);
  }
}
