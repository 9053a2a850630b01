import type { Block } from '../../memory/block.ts';
import { NO_OWNER } from '../../placement/slot-map.ts';
import type { WaitWords } from '../../protocol/protocol.ts';
import { type NodeWord, WORD_ASK, WORD_MOVED, WORD_NONE } from '../../protocol/protocol.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { ReplySink, Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import { type NodeWordHearer, NodeWordReply } from '../operations/node-word-reply.ts';
import { pauseMs } from '../operations/slot-bound.ts';
import type { SlotOrder } from '../operations/slot-order.ts';
import type { OwnConnection } from './own-connection.ts';

/**
 * A request on a connection of the client's own, of which nothing is at the server yet, WATCH or one that waits: where the node
 * says that its slot is elsewhere, also after it has waited for a while, another connection takes it to that node, with what is left of the
 * time to wait. The client asks nothing else meanwhile.
 */
export class MovableRequest implements NodeWordHearer, ReplySink {
  private readonly own: OwnConnection;
  private readonly order: SlotOrder;
  private readonly sink: ReplySink;
  private readonly slot: number;
  private readonly waits: WaitWords | null;
  private readonly onMove: () => void;
  /** How long it may wait; 0: it does not, -1: for ever. */
  private readonly waitMs: number;
  private readonly bytes: RequestBytes;
  private readonly startedAtMs: number;
  /** Since when it is sent from node to node. */
  private restlessAtMs: number;
  private sentAtMs: number;
  private redirects = 0;
  /** The nodes that have sent it on. */
  private sentOnBy: Backend[] = [];
  private pauses = 0;
  private isLost = false;
  /** It is not answered, and may be sent again. */
  isPending = true;

  /** `sink` takes what is a reply; `onMove`: it goes on by another connection, and what the server kept on that one is lost. */
  constructor(
    own: OwnConnection,
    order: SlotOrder,
    sink: ReplySink,
    slot: number,
    bytes: RequestBytes,
    waitMs: number,
    waits: WaitWords | null,
    onMove: () => void,
  ) {
    this.onMove = onMove;
    this.own = own;
    this.order = order;
    this.sink = sink;
    this.slot = slot;
    this.waitMs = waitMs;
    this.waits = waits;
    this.bytes = bytes.keep();
    this.startedAtMs = order.clock.nowMs;
    this.restlessAtMs = this.startedAtMs;
    this.sentAtMs = this.startedAtMs;
  }

  get heldBytes(): number {
    return this.isPending ? this.bytes.heldBytes : 0;
  }

  /** Sends it to `target`. */
  send(target: Backend, request: Request): void {
    request.extraMs = this.waitMs;
    request.sink = new NodeWordReply(this, this.order, this);
    this.own.send(target, request, this.bytes);
  }

  onWord(request: Request, word: NodeWord): boolean {
    if (word.kind === WORD_NONE || this.own.isReleased) return this.done();
    const { order, own } = this;
    const { pool } = order;
    const isRedirect = word.kind === WORD_MOVED || word.kind === WORD_ASK;
    if (isRedirect && word.slot !== this.slot) return this.done();
    if (order.clock.nowMs - this.sentAtMs >= order.patienceMs) this.beginAnew();
    const isAsking = word.kind === WORD_ASK;
    if (isRedirect) {
      if (word.kind === WORD_MOVED) pool.stats.moved++;
      else pool.stats.asked++;
    }
    const place = isRedirect ? pool.slots.serverAt(order.addressOf(word, request.server as Backend)) : NO_OWNER;
    if (place === NO_OWNER) {
      if (this.isOverdue) return this.done();
      pool.stats.putOff++;
      pool.hint('a node is out of service, or names one that is not known');
      own.restart();
      this.retryLater(request);
      return true;
    }
    if (++this.redirects > (pool.cluster?.maxRedirects ?? 0)) {
      const words = order.words.tooManyRedirectsReply;
      this.done();
      this.sink.onReply(request, words, 0, words.length, true, null);
      return true;
    }
    if (!isAsking) order.moved(this.slot, place);
    const to = pool.backends[place] as Backend;
    this.sentOnBy.push(request.server as Backend);
    const isBack = this.sentOnBy.includes(to);
    own.restart();
    if (isBack) {
      pool.stats.putOff++;
      this.retryLater(request);
    } else this.again(request, to, isAsking);
    return true;
  }

  /** Nothing of it has reached a node that refuses connections; another knows who has the slot by now. */
  onLost(request: Request, reason: FailureReason): boolean {
    const { own, order } = this;
    const { backend } = own;
    const other =
      reason === 'connection_refused' && !this.isLost && !own.isReleased && backend !== null
        ? order.pool.otherNode(backend, own.variant)
        : null;
    if (other === null) return this.done();
    this.isLost = true;
    own.restart();
    this.again(request, other, false);
    return true;
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    if (isLast) this.done();
    this.sink.onReply(request, buf, start, end, isLast, block);
  }

  onFailure(request: Request, reason: FailureReason): void {
    this.sink.onFailure(request, reason);
  }

  private again(request: Request, target: Backend, isAsking: boolean): void {
    const { own, order, bytes, waits, waitMs } = this;
    const { asking } = order.words;
    if (isAsking) own.keep(new RequestBytes().set(asking, 0, asking.length, null));
    let sent = bytes;
    this.sentAtMs = order.clock.nowMs;
    this.onMove();
    if (waitMs > 0 && waits !== null) {
      const leftMs = waitMs - (order.clock.nowMs - this.startedAtMs);
      const left = waits.waitingFor(Buffer.from(bytes.buf.subarray(bytes.start, bytes.end)), leftMs);
      sent = new RequestBytes().set(left, 0, left.length, null);
      request.extraMs = Math.max(1, leftMs);
    }
    // The client may have been told to wait no longer meanwhile.
    if (request.sink !== null) request.sink = new NodeWordReply(this, this.order, this);
    own.send(target, request, sent);
  }

  private retryLater(request: Request): void {
    const timer = setTimeout(() => setImmediate(() => this.retry(request)), pauseMs(this.pauses++));
    timer.unref();
  }

  private retry(request: Request): void {
    if (this.own.isReleased) return;
    const owner = this.order.pool.ownerOf(this.slot);
    if (owner !== null) this.again(request, owner, false);
    else if (this.isOverdue) {
      const { noOwnerReply } = this.order.words;
      this.done();
      this.sink.onReply(request, noOwnerReply, 0, noOwnerReply.length, true, null);
    } else this.retryLater(request);
  }

  /** It has waited at its server for long: what it had to go through before is over. */
  private beginAnew(): void {
    this.restlessAtMs = this.order.clock.nowMs;
    this.redirects = 0;
    this.sentOnBy = [];
    this.pauses = 0;
    this.isLost = false;
  }

  private get isOverdue(): boolean {
    const { clock, patienceMs } = this.order;
    return clock.nowMs - this.restlessAtMs >= patienceMs;
  }

  /** The client is gone. */
  forget(): void {
    this.done();
  }

  /** It is not sent again. */
  private done(): false {
    if (this.isPending) this.bytes.release();
    this.isPending = false;
    return false;
  }
}
