import type { Clock } from '../../loop/clock.ts';
import type { Block } from '../../memory/block.ts';
import { NO_OWNER } from '../../placement/slot-map.ts';
import {
  type ClusterWords,
  type NodeWord,
  WORD_ASK,
  WORD_MOVED,
  WORD_NONE,
  WORD_TRY_AGAIN,
} from '../../protocol/protocol.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { RequestOrigin } from '../request-origin.ts';

/** At a server, or on the way there. */
export const AT_SERVER = 0;
/** May go once those of its client that are ahead of it in the slot let it. */
export const WAITING = 1;
/** Put off until `retryAtMs`. */
export const PUT_OFF = 2;
const DONE = 3;

/** A request that was put off goes again so soon, later twice as late, up to the most. */
const PAUSE_MIN_MS = 20;
const PAUSE_MAX_MS = 200;

/** All requests of a pool that belong to slots, in the order of each; see `SlotOrder`. */
export interface OrderOfSlots {
  readonly pool: Pool;
  readonly words: ClusterWords;
  readonly clock: Clock;
  readonly patienceMs: number;
  keptBytes: number;
  remove(request: SlotRequest): void;
  idle(request: SlotRequest): void;
  unsettle(slot: number): void;
  isMigrating(slot: number): void;
  moved(slot: number, place: number): void;
  isFollowed(request: SlotRequest): boolean;
  addressOf(word: NodeWord, backend: Backend): string;
}

const askingBytes = new RequestBytes();

/**
 * A request to the owner of a slot, which follows what nodes say of where it belongs. It keeps its bytes until it is done:
 *
 *              ┌──────────── MOVED, ASK: to another node ─────────────┐
 *              ▼                                                      │
 *   start ─▶ WAITING ── none of its client is ahead elsewhere ──▶ AT_SERVER ── reply, failure ─▶ client
 *              ▲                                                      │
 *              └── PUT_OFF ◀── TRYAGAIN, CLUSTERDOWN, LOADING ────────┘
 *
 * A node that can't be reached has got nothing of it: then another is asked once, which knows who has the slot by now.
 */
export class SlotRequest implements ReplySink {
  readonly slot: number;
  readonly originId: number;
  /** In the order of its slot. */
  previous: SlotRequest | null = null;
  next: SlotRequest | null = null;
  state: number = WAITING;
  /** AT_SERVER: which. */
  backend: Backend | null = null;
  /** Where to go next; null: to the owner. */
  target: Backend | null = null;
  /** It goes, or went, where ASK has sent it. */
  isAsking = false;
  retryAtMs = 0;
  private readonly startedAtMs: number;
  private readonly order: OrderOfSlots;
  private readonly variant: number;
  /** What the client waits for. */
  private readonly whole: Request;
  private readonly inner: Request;
  /** Null: it can't be sent again. */
  private bytes: RequestBytes | null;
  private redirects = 0;
  private pauses = 0;
  private isPassing = false;
  private isSending = false;
  /** Could not be reached, and why: another node was asked. */
  private lost: Backend | null = null;
  private lostFor: FailureReason = 'connection_refused';

  /** `whole`: enqueued, its sink takes what comes. */
  constructor(order: OrderOfSlots, origin: RequestOrigin, whole: Request, slot: number, bytes: RequestBytes) {
    this.order = order;
    this.originId = origin.id;
    this.variant = origin.variant;
    this.whole = whole;
    this.slot = slot;
    this.inner = new Request(this, whole.replyKind);
    this.inner.valuesAsked = whole.valuesAsked;
    this.bytes = bytes.keep();
    this.startedAtMs = order.clock.nowMs;
    order.keptBytes += this.bytes.heldBytes;
  }

  get isDone(): boolean {
    return this.state === DONE;
  }

  /** Sends it. It may be done before this returns. */
  go(backend: Backend): void {
    const { bytes, inner } = this;
    this.state = AT_SERVER;
    this.backend = backend;
    this.target = null;
    if (bytes === null) {
      this.fail('overloaded');
      return;
    }
    const connection = backend.connectionFor(this.originId, this.variant);
    if (this.isAsking) {
      const { asking } = this.order.words;
      connection.send(new Request(null, 0), askingBytes.set(asking, 0, asking.length, null));
    }
    this.isSending = true;
    connection.send(inner, bytes);
    this.isSending = false;
  }

  onReply(inner: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    if (this.isPassing) {
      this.pass(buf, start, end, isLast, block);
      return;
    }
    const { words } = this.order;
    if (inner.heldBytes > 0) {
      inner.hold(buf, start, end, block);
      if (!isLast && inner.heldBytes <= words.maxBytes) return;
      const whole = inner.takeHeld();
      this.judge(whole, 0, whole.length, isLast, null);
      return;
    }
    if (!words.mayBegin(buf[start] as number)) {
      this.isPassing = true;
      this.pass(buf, start, end, isLast, block);
    } else if (isLast || end - start > words.maxBytes) this.judge(buf, start, end, isLast, block);
    else inner.hold(buf, start, end, block);
  }

  onFailure(inner: Request, reason: FailureReason): void {
    inner.dropHeld();
    const { order, backend } = this;
    order.pool.hint(reason);
    const isUnsent = (this.isSending && reason !== 'overloaded') || reason === 'connection_refused';
    this.isSending = false;
    const other = isUnsent && this.lost === null ? order.pool.otherNode(backend as Backend, this.variant) : null;
    if (other === null) {
      this.fail(this.lost === null ? reason : this.lostFor);
      return;
    }
    this.lost = backend;
    this.lostFor = reason;
    this.turnTo(other, false);
  }

  /** It ends without a reply of a server. */
  fail(reason: FailureReason): void {
    const { whole } = this;
    this.done();
    whole.sink?.onFailure(whole, reason);
  }

  /** Whoever waits for it reads `words`. */
  answer(words: Buffer): void {
    const { whole } = this;
    this.done();
    whole.sink?.onReply(whole, words, 0, words.length, true, null);
  }

  /** Puts it off. */
  putOff(): void {
    const { nowMs } = this.order.clock;
    this.retryAtMs = nowMs + Math.min(PAUSE_MIN_MS << Math.min(this.pauses++, 4), PAUSE_MAX_MS);
    this.state = PUT_OFF;
    this.order.idle(this);
  }

  /** It has waited for so long as it may. */
  isOverdue(nowMs: number): boolean {
    return nowMs - this.startedAtMs >= this.order.patienceMs;
  }

  /** Lets go of its bytes: it will not be sent again. */
  forget(): void {
    if (this.bytes === null) return;
    this.order.keptBytes -= this.bytes.heldBytes;
    this.bytes.release();
    this.bytes = null;
  }

  private pass(buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const { whole } = this;
    if (isLast) this.done();
    whole.sink?.onReply(whole, buf, start, end, isLast, block);
  }

  /** An error that is there as a whole, or is too long for a word of the cluster. */
  private judge(buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const word = isLast ? this.order.words.read(buf, start, end) : null;
    if (word !== null && word.kind !== WORD_NONE && this.follow(word)) return;
    this.isPassing = true;
    this.pass(buf, start, end, isLast, block);
  }

  /** False: it is none of the cluster's words to us, but a reply. */
  private follow(word: NodeWord): boolean {
    const { order } = this;
    const { pool } = order;
    const isRedirect = word.kind === WORD_MOVED || word.kind === WORD_ASK;
    // A script can answer with such words, too.
    if (isRedirect && word.slot !== this.slot) return false;
    if (!isRedirect) {
      if (word.kind === WORD_TRY_AGAIN) order.isMigrating(this.slot);
      else pool.hint('a node is out of service');
      // What follows it was perhaps done already: sent again it would be overtaken.
      if (order.isFollowed(this) || this.isOverdue(order.clock.nowMs)) return false;
      pool.stats.putOff++;
      order.unsettle(this.slot);
      this.putOff();
      return true;
    }
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
    if (word.kind === WORD_ASK) {
      order.isMigrating(this.slot);
      this.turnTo(to, true);
      return true;
    }
    if (to === this.lost) {
      this.fail(this.lostFor);
      return true;
    }
    order.moved(this.slot, place);
    this.turnTo(null, false);
    return true;
  }

  /** To `target`, or the owner of the slot, once it may. */
  private turnTo(target: Backend | null, isAsking: boolean): void {
    this.target = target;
    this.isAsking = isAsking;
    this.state = WAITING;
    this.order.unsettle(this.slot);
    this.order.idle(this);
  }

  private done(): void {
    this.state = DONE;
    this.whole.timePart(this.inner);
    this.forget();
    this.order.remove(this);
  }
}
