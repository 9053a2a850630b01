import { isDeepStrictEqual } from 'node:util';
import { PoolCommands } from '../figures/command-times.ts';
import { BackendStats, PoolStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import type { Turn } from '../loop/turn.ts';
import type { HolderWalk } from '../memory/memory-ceiling.ts';
import { ACCESS_WRITE, type Access, type Placement } from '../placement/placement.ts';
import { NO_OWNER, type SlotMap } from '../placement/slot-map.ts';
import type { TwoPlacements } from '../placement/two-placements.ts';
import { WORD_MOVED, WORD_NONE } from '../protocol/protocol.ts';
import type { SubscriptionWords } from '../protocol/subscription-words.ts';
import { FAILURE_REASONS, type FailureReason } from '../request/failure.ts';
import type { Log } from '../system/log.ts';
import { Backend, type BackendHost } from './backend.ts';
import type { TellCrowds } from './crowd.ts';
import { endpointText } from './endpoint-text.ts';
import { OtherCrowds } from './other-crowds.ts';
import { PoolLog } from './pool-log.ts';
import type { ClusterOptions, PoolPlan, ReshardOptions } from './pool-plan.ts';
import { ReadChoice } from './read-choice.ts';
import { SubscriptionHub } from './subscription-hub.ts';

/** A server that this worker can't use: so many requests to it have failed in a row, the last for `reason`. */
export interface PoolTrouble {
  readonly pool: string;
  readonly server: string;
  readonly reason: FailureReason;
  readonly failures: number;
}

/** A server that the master has taken out of the ring. */
export interface OutVerdict {
  readonly server: string;
  readonly why: string;
  /** Requests to it fail, and `why` is a FailureReason; else it is down. */
  readonly isEjected: boolean;
}

export interface PoolWorker {
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  /** Asks the master to take a server out of all rings; false when nobody is there to decide. */
  readonly tellTrouble?: (trouble: PoolTrouble) => boolean;
  /** Of a pool whose servers are found: something hints at a change of them. */
  readonly hint?: (pool: string, why: string) => void;
}

/** One hint says as much as many: no more often. */
const HINT_PAUSE_MS = 100;
/** A server that owes replies and has said nothing for so long may have a successor. */
const SILENCE_HINT_MS = 500;

/** The servers behind one listen address, and the placement that spreads keys over those that are live. */
export class Pool implements BackendHost {
  /** A reload may give it another. */
  name: string;
  backends: readonly Backend[] = [];
  /** Those of them that have keys of their own. */
  holders: readonly Backend[] = [];
  /** Null: the pool is a ring. */
  cluster: ClusterOptions | null = null;
  /** Null: who has the keys answers all there is. */
  reads: ReadChoice | null = null;
  /** Its servers change by themselves. */
  private isFound = false;
  /** Null: it is not between two rings. */
  reshard: ReshardOptions | null = null;
  /** Of a cluster: called when slots may have other owners. */
  onSlotsChange: () => void = () => {};
  /** What the other workers say of their clients' subscriptions, and how they hear of this one's. */
  otherCrowds = new OtherCrowds();
  tellCrowds: TellCrowds = (_crowds, then) => void setImmediate(then);
  readonly stats = new PoolStats();
  readonly commands = new PoolCommands();
  readonly clock: Clock;
  readonly turn: Turn;
  readonly log: Log;
  placement: Placement;
  /** Those that have something with a deadline, also of those that left. */
  private awake: Backend[] = [];
  /** Left the pool, and finish what is inflight. */
  private readonly retiring = new Set<Backend>();
  /** What its clients have subscribed to; null: none has yet. */
  private hub: SubscriptionHub | null = null;
  private readonly stopTicking: () => void;
  private nextAny = 0;
  private readonly tellTrouble: (trouble: PoolTrouble) => boolean;
  private readonly tellHint: (pool: string, why: string) => void;
  private hintedAtMs = Number.NEGATIVE_INFINITY;

  constructor(name: string, plan: PoolPlan, worker: PoolWorker) {
    this.name = name;
    this.clock = worker.clock;
    this.turn = worker.turn;
    this.log = new PoolLog(worker.log, this);
    this.tellTrouble = worker.tellTrouble ?? (() => false);
    this.tellHint = worker.hint ?? (() => {});
    this.placement = plan.placement;
    this.apply(plan, 0);
    this.stopTicking = worker.clock.onTick(nowMs => {
      this.checkDeadlines(nowMs);
      if (this.isFound) this.hintAtSilence(nowMs);
      this.hub?.checkDeadlines(nowMs);
      this.reads?.tick(nowMs);
    });
  }

  /**
   * Takes the shape of `plan`. A server that stays keeps its connections and its counts; one that goes gets nothing
   * new, answers what is inflight within `retireMs` and is closed.
   */
  apply(plan: PoolPlan, retireMs: number): void {
    const old = new Map(this.backends.map(backend => [backend.name, backend]));
    this.backends = plan.options.backends.map(options => {
      const had = old.get(options.name);
      if (had === undefined) return new Backend(options, this, new BackendStats());
      if (!had.canBecome(options)) return new Backend(options, this, had.stats);
      old.delete(options.name);
      had.reconfigure(options);
      return had;
    });
    for (const [place, backend] of this.backends.entries()) backend.place = place;
    this.holders = this.backends.filter(({ options }) => !options.isReplica);
    if (this.placement !== plan.placement) this.placement.release();
    this.placement = plan.placement;
    this.cluster = plan.options.cluster ?? null;
    this.isFound = plan.options.isFound ?? false;
    const { reads } = plan.options;
    this.reads = reads ? new ReadChoice(this.name, reads, this.backends, this.reads) : null;
    const { reshard = null } = plan.options;
    // Whoever compares sees that nothing has changed.
    if (!isDeepStrictEqual(this.reshard, reshard)) this.reshard = reshard;
    if (this.cluster !== null) this.onSlotsChange();
    if (!this.backends.every(backend => backend.isLive)) this.onEjectionChange();
    else this.hub?.serversChanged();
    for (const backend of old.values()) {
      this.retiring.add(backend);
      backend.retire(retireMs, () => this.retiring.delete(backend));
    }
  }

  /** The backend for the key `buf[start, end)`; null when all are out of the ring. */
  pick(buf: Buffer, start: number, end: number, access: Access): Backend | null {
    const place = this.placement.pick(buf, start, end, access);
    return place < 0 ? null : (this.backends[place] as Backend);
  }

  /** The backends for a name: by both placements where there are two, so that nobody misses what is asked of either. */
  pickAllHomes(name: Buffer): readonly Backend[] {
    const home = this.pick(name, 0, name.length, ACCESS_WRITE);
    if (this.reshard === null) return home === null ? [] : [home];
    const two = this.twoPlacements;
    two.moves(name, 0, name.length, ACCESS_WRITE);
    const places = new Set([two.fromPlace, two.toPlace]);
    return [...places].flatMap(place => this.backends[place] ?? []);
  }

  /** What clients have subscribed to is heard wherever it is published. */
  get isHeard(): boolean {
    return this.hub?.isSettled ?? true;
  }

  /** The subscriptions of its clients. `words`: of the protocol that its servers speak. */
  subscriptions(words: SubscriptionWords): SubscriptionHub {
    this.hub ??= new SubscriptionHub(this, words);
    return this.hub;
  }

  /** Another name is the pool's from now on. */
  rename(name: string): void {
    this.name = name;
    this.hub?.ownCrowds.tellAnew();
  }

  /** The same key may go to another server each time. */
  get spreadsAtRandom(): boolean {
    return this.placement.isRandom;
  }

  get isOneForMessages(): boolean {
    return this.cluster !== null;
  }

  /** A backend for a request without a key: they take turns. Null when all are out of the ring. */
  pickAny(): Backend | null {
    const { holders } = this;
    for (let i = 0; i < holders.length; i++) {
      const backend = holders[this.nextAny++ % holders.length] as Backend;
      if (backend.isLive) return backend;
    }
    return null;
  }

  /** Between two rings: both. */
  get twoPlacements(): TwoPlacements {
    return this.placement as TwoPlacements;
  }

  /** Those that have keys or may yet have something inflight, also when they have left the pool. */
  *eachBackend(): Iterable<Backend> {
    yield* this.backends;
    yield* this.retiring;
  }

  /** Of a cluster: who has which slots. */
  get slots(): SlotMap {
    return this.placement as SlotMap;
  }

  /** Of a cluster: the owner of the slot, as far as is known; null: nobody. */
  ownerOf(slot: number): Backend | null {
    const place = this.slots.owners[slot] as number;
    return place < 0 ? null : (this.backends[place] as Backend);
  }

  /** Of a cluster: a node other than `backend` that can be asked; always the same, as long as it can. */
  otherNode(backend: Backend, variant: number): Backend | null {
    const { backends } = this;
    for (let i = 1; i < backends.length; i++) {
      const other = backends[(backend.place + i) % backends.length] as Backend;
      if (other !== backend && other.whyDown(variant) === null) return other;
    }
    return null;
  }

  /** Of servers that are found: where they are, or who has which slots of a cluster, may have changed. */
  hint(why: string): void {
    const { nowMs } = this.clock;
    if (nowMs - this.hintedAtMs < HINT_PAUSE_MS) return;
    this.hintedAtMs = nowMs;
    this.tellHint(this.name, why);
  }

  get patienceMs(): number {
    return this.cluster?.patienceMs ?? 0;
  }

  heed(error: Buffer, { options }: Backend): boolean {
    const words = options.protocol.cluster;
    if (this.cluster === null || words === null) return false;
    const { kind, slot, host, port } = words.read(error, 0, error.length);
    if (kind === WORD_NONE) return false;
    this.hint('a slot has moved');
    const { slots } = this;
    const place = kind === WORD_MOVED ? slots.serverAt(endpointText(host, port, options.address)) : NO_OWNER;
    if (place !== NO_OWNER) slots.owners[slot] = place;
    return true;
  }

  private hintAtSilence(nowMs: number): void {
    for (const backend of this.awake) {
      if (backend.silentMs(nowMs) >= SILENCE_HINT_MS) this.hint(`${backend.name} is silent`);
    }
  }

  /** The master's verdicts: the servers that are out of the ring. All others are in it. */
  markOut(out: readonly OutVerdict[]): void {
    const down = new Map<string, string>();
    const ejected = new Map<string, FailureReason>();
    for (const { server, why, isEjected } of out) {
      if (isEjected) ejected.set(server, isFailureReason(why) ? why : 'io_error');
      else down.set(server, why);
    }
    let isChanged = false;
    for (const backend of this.backends) {
      if (backend.markDown(down.get(backend.name) ?? null)) isChanged = true;
      if (backend.markEjected(ejected.get(backend.name) ?? null)) isChanged = true;
    }
    if (isChanged) this.onEjectionChange();
  }

  /** Of thousands of servers most have nothing to wait for: only the others are looked at. */
  private checkDeadlines(nowMs: number): void {
    const { awake } = this;
    if (awake.length === 0) return;
    // What is failed here may wake others, or the same again.
    this.awake = [];
    for (const backend of awake) {
      backend.checkDeadlines(nowMs);
      if (backend.isAwake) this.awake.push(backend);
    }
  }

  onAwake(backend: Backend): void {
    this.awake.push(backend);
  }

  onDoubt(backend: Backend): void {
    if (this.isFound) this.hint(`${backend.name} is not well`);
  }

  onTrouble(server: string, reason: FailureReason, failures: number): boolean {
    return this.tellTrouble({ pool: this.name, server, reason, failures });
  }

  onEjectionChange(): void {
    this.placement.setLive(this.holders.map(backend => backend.isLive));
    this.hub?.serversChanged();
  }

  onEjection(): void {
    this.stats.serverEjects++;
  }

  readonly eachHolder: HolderWalk = visit => {
    // The others hold nothing.
    for (const backend of this.awake) backend.eachHolder(visit);
    this.hub?.eachHolder(visit);
    if (this.reads !== null) visit(this.reads);
  };

  preconnect(): void {
    for (const backend of this.backends) backend.preconnect();
  }

  /** Fails what is inflight and closes all server connections. */
  close(): void {
    this.stopTicking();
    this.hub?.close();
    for (const backend of this.backends) backend.close();
    for (const backend of this.retiring) backend.close();
    this.placement.release();
  }
}

function isFailureReason(text: string): text is FailureReason {
  return (FAILURE_REASONS as readonly string[]).includes(text);
}
