import type { Clock } from '../../loop/clock.ts';
import { NO_OWNER } from '../../placement/slot-map.ts';
import { type ClusterWords, type NodeWord, WORD_ASK, WORD_MOVED, WORD_TRY_AGAIN } from '../../protocol/protocol.ts';
import type { Gift } from '../../protocol/remedy.ts';
import type { FailureReason } from '../../request/failure.ts';
import { Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { ReadyLine } from '../../socket/ready-lines.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { BackendConnection } from '../../upstream/backend-connection.ts';
import { give } from '../../upstream/given-gifts.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { ReadChoice } from '../../upstream/read-choice.ts';
import type { RequestOrigin } from '../request-origin.ts';

/** At a server, or on the way there. */
export const AT_SERVER = 0;
/** May go once those of its client that are ahead of it in the slot let it. */
export const WAITING = 1;
/** Put off until `retryAtMs`. */
export const PUT_OFF = 2;
export const DONE = 3;

/** A request that was put off goes again so soon, later twice as late, up to the most. */
const PAUSE_MIN_MS = 20;
const PAUSE_MAX_MS = 200;

/** All that belongs to slots in a pool, in the order of each slot; see `SlotOrder`. */
export interface OrderOfSlots {
  readonly pool: Pool;
  readonly words: ClusterWords;
  readonly clock: Clock;
  readonly patienceMs: number;
  keptBytes: number;
  remove(bound: SlotBound): void;
  idle(bound: SlotBound): void;
  unsettle(slot: number): void;
  isMigrating(slot: number): void;
  moved(slot: number, place: number): void;
  isFollowed(bound: SlotBound): boolean;
  addressOf(word: NodeWord, backend: Backend): string;
}

const askingBytes = new RequestBytes();

/**
 * What is bound for the owner of a slot, a request or a transaction, and follows what nodes say of where it belongs:
 *
 *              ┌──────────── MOVED, ASK: to another node ─────────────┐
 *              ▼                                                      │
 *   start ─▶ WAITING ── none of its client is ahead elsewhere ──▶ AT_SERVER ── reply, failure ─▶ client
 *              ▲                                                      │
 *              └── PUT_OFF ◀── TRYAGAIN, CLUSTERDOWN, LOADING, ───────┘
 *                              or sent to where it was sent on from
 *
 * A node that can't be reached has got nothing of it: then another is asked once, which knows who has the slot by now.
 */
export abstract class SlotBound {
  readonly slot: number;
  readonly originId: number;
  /** Whose it is, where its client's turn has to come at a server. */
  protected readonly tenant: ReadyLine | null;
  /** In the order of its slot. */
  previous: SlotBound | null = null;
  next: SlotBound | null = null;
  state: number = WAITING;
  /** AT_SERVER: which. */
  backend: Backend | null = null;
  /** Where to go next; null: to the owner. */
  target: Backend | null = null;
  /** It goes, or went, where ASK has sent it. */
  isAsking = false;
  retryAtMs = 0;
  /** What its server is given ahead of it; null: nothing. */
  gifts: readonly Gift[] | null = null;
  protected readonly order: OrderOfSlots;
  readonly variant: number;
  /** Who else than the owner of the slot may answer it; null: nobody, or nobody any more. */
  reads: ReadChoice | null = null;
  private readonly startedAtMs: number;
  private redirects = 0;
  /** The nodes that have sent it on; null: none has. */
  private sentOnBy: Backend[] | null = null;
  private pauses = 0;
  /** Could not be reached, and why: another node was asked. */
  private lost: Backend | null = null;
  private lostFor: FailureReason = 'connection_refused';

  constructor(order: OrderOfSlots, { id, variant, tenant }: RequestOrigin, slot: number) {
    this.order = order;
    this.originId = id;
    this.variant = variant;
    this.tenant = tenant;
    this.slot = slot;
    this.startedAtMs = order.clock.nowMs;
  }

  get isDone(): boolean {
    return this.state === DONE;
  }

  /** At `owner`, or at somebody who may answer in its place. */
  isAt(owner: Backend | null): boolean {
    const { backend } = this;
    if (backend === owner) return true;
    return this.reads !== null && owner !== null && backend?.options.primary === owner.name;
  }

  /** Nothing of a reply was passed on, and it still has its bytes. */
  protected get maySendAgain(): boolean {
    return false;
  }

  /** It still has its bytes, and the connection has room for them. */
  protected abstract fits(connection: BackendConnection): boolean;
  /** Gives the server what it needs. */
  protected giveTo(connection: BackendConnection, gifts: readonly Gift[]): void {
    give(connection, gifts);
  }

  /** Writes it; it may be done before this returns. */
  protected abstract write(connection: BackendConnection): void;
  /** It ends without a reply of a server. */
  abstract fail(reason: FailureReason): void;
  /** Whoever waits for it reads `words`. */
  abstract answer(words: Buffer): void;
  /** Lets go of its bytes: it will not be sent again. */
  abstract forget(): void;

  /** Sends it. It may be done before this returns. */
  go(backend: Backend): void {
    this.state = AT_SERVER;
    this.backend = backend;
    this.target = null;
    const connection = backend.connectionFor(this.originId, this.variant);
    if (!this.fits(connection)) {
      this.fail('overloaded');
      return;
    }
    if (this.gifts !== null) this.giveTo(connection, this.gifts);
    // Whatever comes directly after it is asked for on purpose.
    if (this.isAsking) {
      const { asking } = this.order.words;
      const request = new Request(null, 0);
      request.isFollowed = true;
      connection.send(request, askingBytes.set(asking, 0, asking.length, null), this.tenant);
    }
    this.write(connection);
  }

  /** Puts it off. */
  putOff(): void {
    const { nowMs } = this.order.clock;
    this.retryAtMs = nowMs + pauseMs(this.pauses++);
    this.state = PUT_OFF;
    this.order.idle(this);
  }

  /** It has waited for so long as it may. */
  isOverdue(nowMs: number): boolean {
    return nowMs - this.startedAtMs >= this.order.patienceMs;
  }

  /** It failed at its server, which has got nothing of it if `isUnsent`. */
  protected lostAt(reason: FailureReason, isUnsent: boolean): void {
    const { order, backend } = this;
    if (reason !== 'timed_out' && reason !== 'overloaded' && this.leaveReplica()) return;
    order.pool.hint(reason);
    const other = isUnsent && this.lost === null ? order.pool.otherNode(backend as Backend, this.variant) : null;
    if (other === null) {
      this.fail(this.lost === null ? reason : this.lostFor);
      return;
    }
    this.lost = backend;
    this.lostFor = reason;
    this.turnTo(other, false);
  }

  /** False: it is none of the cluster's words to us, but a reply. */
  protected follow(word: NodeWord): boolean {
    const { order } = this;
    const { pool } = order;
    const isRedirect = word.kind === WORD_MOVED || word.kind === WORD_ASK;
    // A script can answer with such words, too.
    if (isRedirect && word.slot !== this.slot) return false;
    if (!isRedirect) {
      if (this.leaveReplica()) return true;
      if (word.kind === WORD_TRY_AGAIN) order.isMigrating(this.slot);
      else pool.hint('a node is out of service');
      // What follows it was perhaps done already: sent again it would be overtaken.
      if (order.isFollowed(this) || this.isOverdue(order.clock.nowMs)) return false;
      pool.stats.putOff++;
      order.unsettle(this.slot);
      this.putOff();
      return true;
    }
    // It has moved away from whom that one copies: its new owner is asked.
    this.reads = null;
    if (word.kind === WORD_MOVED) pool.stats.moved++;
    else pool.stats.asked++;
    const place = pool.slots.serverAt(order.addressOf(word, this.backend as Backend));
    if (place === NO_OWNER) {
      // Nobody but the master may say who belongs to the cluster: a script could name anybody.
      pool.hint('a node sent a request to one that is not known');
      pool.stats.putOff++;
      order.unsettle(this.slot);
      this.putOff();
      return true;
    }
    if (++this.redirects > (pool.cluster?.maxRedirects ?? 0)) {
      this.answer(order.words.tooManyRedirectsReply);
      return true;
    }
    const to = pool.backends[place] as Backend;
    this.sentOnBy ??= [];
    this.sentOnBy.push(this.backend as Backend);
    const isBack = this.sentOnBy.includes(to);
    if (word.kind === WORD_ASK) order.isMigrating(this.slot);
    else if (to === this.lost) {
      this.fail(this.lostFor);
      return true;
    } else order.moved(this.slot, place);
    if (isBack) {
      // Nodes that send it to each other disagree, as they do for a while in a fail-over.
      pool.stats.putOff++;
      this.isAsking = false;
      order.unsettle(this.slot);
      this.putOff();
    } else if (word.kind === WORD_ASK) this.turnTo(to, true);
    else this.turnTo(null, false);
    return true;
  }

  /** It was read from a replica, which has not answered: the owner of the slot is asked. False: it can't be. */
  private leaveReplica(): boolean {
    const { reads, backend, order } = this;
    if (reads === null || !this.maySendAgain || !backend?.options.isReplica) return false;
    if (reads.options.from === 'replica' && !reads.options.fallsBack) return false;
    this.reads = null;
    order.pool.stats.replicaReadsMoved++;
    this.turnTo(null, false);
    return true;
  }

  /** To `target`, or the owner of the slot, once it may. */
  protected turnTo(target: Backend | null, isAsking: boolean): void {
    this.target = target;
    this.isAsking = isAsking;
    this.state = WAITING;
    this.order.unsettle(this.slot);
    this.order.idle(this);
  }
}

/** Before the next attempt, when so many were put off already. */
export function pauseMs(pauses: number): number {
  return Math.min(PAUSE_MIN_MS << Math.min(pauses, 4), PAUSE_MAX_MS);
}
