import { isDeepStrictEqual } from 'node:util';
import { askRole, askSentinel, type SentinelTarget } from '../../admin/ask-sentinel.ts';
import { addressText, type HostPort } from '../../config/address.ts';
import type { PoolConfig, SentinelConfig } from '../../config/config.ts';
import { serverCredentials } from '../../config/server-credentials.ts';
import type { ClusterNode, ClusterTopology } from '../../ipc/cluster-topology.ts';
import type { SentinelEvent, ServerCredentials, ToldMaster } from '../../protocol/traits.ts';
import type { Log } from '../../system/log.ts';
import { SentinelFeed } from './sentinel-feed.ts';
import { type Finding, TopologyWatch, type TopologyWatchHost } from './topology-watch.ts';

/** For tests: what asks a Sentinel, what asks a server, and what listens. */
export interface SentinelTools {
  readonly askSentinel: typeof askSentinel;
  readonly askRole: typeof askRole;
  readonly Feed: typeof SentinelFeed | null;
}

const BEHIND = 'it has seen fewer fail-overs than we have';
/** They tell each other within two seconds. If most have seen fewer in so many rounds, they were set up anew. */
const BEHIND_ROUNDS = 10;

/** A master that the pool has for a server. */
interface Sought {
  /** By which Sentinel knows it. */
  readonly master: string;
  /** In the ring. */
  readonly name: string;
  /** Of the server. */
  readonly credentials: ServerCredentials | null;
}

/**
 * Follows the masters of one pool that Sentinels look after. At first all of them are asked, later in turn, the one that
 * answered last first, and each is listened to; what one says of a master is believed when it has seen as many fail-overs of it as we have, and
 * the server itself says that it is a master:
 *
 *   Sentinel ── no answer, does not know it, has seen less ──▶ the next one
 *      │
 *      ▼
 *   ROLE ── no answer, a replica ──▶ the next one; after the last: as it was, and the next look is soon
 *      │
 *      ▼
 *   topology
 */
export class SentinelWatch extends TopologyWatch {
  private readonly log: Log;
  private readonly tools: SentinelTools;
  private readonly feeds = new Map<string, SentinelFeed>();
  private listening: unknown = null;
  /** How many fail-overs there were, by master, as far as is known. */
  private readonly epochs = new Map<string, number>();
  /** In how many rounds in a row most Sentinels had seen fewer than we have, by master. */
  private readonly roundsBehind = new Map<string, number>();
  /** Whom to ask first. */
  private favourite: string | null = null;
  /** Why what is not settled isn't; said once. */
  private reasons: Readonly<Record<string, string>> = {};

  constructor(
    pool: PoolConfig,
    host: TopologyWatchHost,
    tools: SentinelTools = { askSentinel, askRole, Feed: SentinelFeed },
  ) {
    super(pool, host);
    this.log = host.log;
    this.tools = tools;
  }

  override configure(pool: PoolConfig): void {
    super.configure(pool);
    this.listen();
  }

  override start(): Promise<void> {
    this.listen();
    return super.start();
  }

  override stop(): void {
    super.stop();
    for (const feed of this.feeds.values()) feed.stop();
    this.feeds.clear();
  }

  protected asked(pool: PoolConfig): unknown {
    return [pool.sentinel, soughtBy(pool), pool.readFrom === 'primary', pool.tls?.servers, pool.tls?.sentinels];
  }

  protected get pauses(): SentinelConfig {
    return this.pool.sentinel as SentinelConfig;
  }

  protected async ask(): Promise<Finding> {
    const { running } = this;
    const open = new Set(soughtBy(this.pool));
    const found = new Map<string, ToldMaster>();
    const behind = new Votes(this.pauses.addresses.length);
    const reasons: Record<string, string> = {};
    // At first nothing is known of who is behind: all are asked.
    const isFirst = this.epochs.size === 0;
    const settle = (sought: Sought, told: ToldMaster): void => {
      if (!isFirst) open.delete(sought);
      found.set(sought.master, told);
      this.epochs.set(sought.master, told.epoch);
      this.roundsBehind.delete(sought.master);
    };
    for (const [sentinel, at] of this.candidates()) {
      const asked = [...open];
      if (asked.length === 0) break;
      const answer = await this.tell(at, asked);
      if (running.signal.aborted) return { topology: null, isSettled: false };
      if (typeof answer === 'string') {
        reasons[sentinel] = answer;
        continue;
      }
      await Promise.all(
        asked.map(async (sought, i) => {
          const { master } = sought;
          const told = answer[i] ?? null;
          const known = this.epochs.get(master) ?? 0;
          const isBehind = told !== null && told.epoch < known;
          const isTakenBack = isBehind && behind.add(master, told) && this.isPatienceOver(master);
          const why = isBehind && !isTakenBack ? BEHIND : await this.whyNot(told, sought);
          if (why !== null) reasons[`${sentinel}: ${master}`] = why;
          else {
            this.favourite = sentinel;
            settle(sought, told as ToldMaster);
          }
        }),
      );
    }
    if (running.signal.aborted) return { topology: null, isSettled: false };
    const lost = [...open].filter(({ master }) => !found.has(master));
    const isSettled = lost.length === 0;
    this.sayUnsettled(isSettled ? {} : reasons, lost);
    return { topology: found.size === 0 ? null : this.topologyOf(found), isSettled };
  }

  protected sayChanged({ nodes }: ClusterTopology): void {
    const before = new Map((this.topology?.nodes ?? []).map(node => [node.name, node]));
    for (const node of nodes) {
      if (node.isReplica) continue;
      const old = before.get(node.name);
      const to = addressText(node);
      const event = { pool: this.name, server: node.name, why: this.why, sentinel: this.favourite };
      if (old === undefined) this.log.info({ ...event, at: to }, 'sentinel: master found');
      else if (addressText(old) !== to) {
        this.log.warn({ ...event, from: addressText(old), to }, 'sentinel: fail-over, another server is the master');
      }
    }
  }

  /** How each of them is spoken to. */
  private get sentinels(): Omit<SentinelTarget, 'at'> {
    const { protocol, tls } = this.pool;
    return { protocol, credentials: sentinelCredentials(this.pauses), tls: tls?.sentinels ?? null };
  }

  private tell(at: HostPort, asked: readonly Sought[]): Promise<readonly (ToldMaster | null)[] | string> {
    const masters = asked.map(({ master }) => master);
    const target = { ...this.sentinels, at };
    return this.tools.askSentinel(target, masters, this.pauses.timeoutMs, this.running.signal);
  }

  /** Why what a Sentinel says of a master is not believed; null: it is. */
  private async whyNot(told: ToldMaster | null, { credentials }: Sought): Promise<string | null> {
    const { protocol, tls } = this.pool;
    if (told === null) return 'it knows no master of this name';
    const target = { protocol, at: told, credentials, tls: tls?.servers ?? null };
    const why = await this.tools.askRole(target, this.pauses.timeoutMs, this.running.signal);
    return why === null ? null : `it names ${addressText(told)}: ${why}`;
  }

  /** Once more most Sentinels are behind; whether that is how things are by now. */
  private isPatienceOver(master: string): boolean {
    const rounds = (this.roundsBehind.get(master) ?? 0) + 1;
    this.roundsBehind.set(master, rounds);
    return rounds >= BEHIND_ROUNDS;
  }

  /** What was not found is where it was. */
  private topologyOf(found: ReadonlyMap<string, ToldMaster>): ClusterTopology {
    const before = new Map((this.topology?.nodes ?? []).map(node => [node.name, node]));
    const nodes = soughtBy(this.pool).flatMap(({ master, name }): ClusterNode[] => {
      const told = found.get(master);
      const old = before.get(name);
      if (told === undefined) return old === undefined ? [] : [old];
      return [{ name, host: told.host, port: told.port, isReplica: false, primary: null, aliases: [] }];
    });
    const names = new Set(nodes.map(node => node.name));
    return { nodes: [...nodes, ...this.replicasOf(found).filter(node => !names.has(node.name))], ranges: [] };
  }

  /** Where they are read from: those of masters that were not found are those there were. */
  private replicasOf(found: ReadonlyMap<string, ToldMaster>): ClusterNode[] {
    if (this.pool.readFrom === 'primary') return [];
    return soughtBy(this.pool).flatMap(({ master, name }): ClusterNode[] => {
      const told = found.get(master);
      if (told === undefined) return (this.topology?.nodes ?? []).filter(node => node.primary === name);
      const replicas = told.replicas.map(at => ({ ...at, name: addressText(at) }));
      replicas.sort((a, b) => (a.name < b.name ? -1 : 1));
      return replicas.map(at => ({ ...at, isReplica: true, primary: name, aliases: [] }));
    });
  }

  /** The one that answered last, then the others, in any order. */
  private candidates(): Map<string, HostPort> {
    const all = this.pauses.addresses.map(at => ({
      at,
      order: addressText(at) === this.favourite ? -1 : Math.random(),
    }));
    all.sort((a, b) => a.order - b.order);
    return new Map(all.map(({ at }) => [addressText(at), at]));
  }

  private sayUnsettled(reasons: Readonly<Record<string, string>>, open: readonly Sought[]): void {
    const isNew = !isDeepStrictEqual(Object.keys(reasons).sort(), Object.keys(this.reasons).sort());
    this.reasons = reasons;
    if (!isNew || open.length === 0) return;
    const servers = open.map(({ name }) => name);
    this.log.warn({ pool: this.name, servers, reasons }, 'sentinel: masters that nobody can name');
  }

  private listen(): void {
    const { Feed } = this.tools;
    const { addresses, timeoutMs } = this.pauses;
    const wanted = { ...this.sentinels, timeoutMs };
    if (Feed === null || isDeepStrictEqual([wanted, addresses], this.listening)) return;
    this.listening = [wanted, addresses];
    for (const feed of this.feeds.values()) feed.stop();
    this.feeds.clear();
    for (const at of addresses) {
      const sentinel = addressText(at);
      const feed = new Feed(
        { ...wanted, at },
        {
          onEvent: event => this.heard(sentinel, event),
          onBack: () => this.wanted(`${sentinel} is heard again`),
        },
      );
      this.feeds.get(sentinel)?.stop();
      this.feeds.set(sentinel, feed);
    }
  }

  private heard(sentinel: string, { name, master, isSwitch }: SentinelEvent): void {
    if (!isSwitch && this.pool.readFrom === 'primary') return;
    if (!soughtBy(this.pool).some(sought => sought.master === master)) return;
    if (isSwitch) this.favourite = sentinel;
    this.wanted(`${name} of ${master}`);
  }
}

/** What Sentinels say, in one round, that have seen less than we have. */
class Votes {
  private readonly counts = new Map<string, number>();
  private readonly sentinels: number;

  constructor(sentinels: number) {
    this.sentinels = sentinels;
  }

  /** One more says so; whether that makes them most of all. */
  add(master: string, told: ToldMaster): boolean {
    const what = `${master} ${addressText(told)}`;
    const count = (this.counts.get(what) ?? 0) + 1;
    this.counts.set(what, count);
    return count === Math.floor(this.sentinels / 2) + 1;
  }
}

function soughtBy(pool: PoolConfig): Sought[] {
  return pool.servers.flatMap(server => {
    const { name, address } = server;
    return 'master' in address ? [{ name, master: address.master, credentials: serverCredentials(pool, server) }] : [];
  });
}

function sentinelCredentials({ user, password }: SentinelConfig): ServerCredentials | null {
  return password === null ? null : { user, password };
}
