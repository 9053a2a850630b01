import { NO_OWNER } from '../../placement/slot-map.ts';
import { type NodeWord, type Protocol, type RequestReading, WORD_MOVED, WORD_NONE } from '../../protocol/protocol.ts';
import { HOLD_QUEUE, HOLD_RUN, HOLD_WATCH } from '../../protocol/routes.ts';
import type { TransactionWords } from '../../protocol/transaction-words.ts';
import type { ReplySink, Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { SEVERAL } from '../operations/common-owner.ts';
import { privateSink } from '../operations/inquiring-run.ts';
import { type NodeWordHearer, NodeWordReply } from '../operations/node-word-reply.ts';
import { NotedReply } from '../operations/noted-reply.ts';
import { commonSlot, NO_SLOT, SEVERAL_SLOTS, type SlotForward } from '../operations/slot-forward.ts';
import type { SlotOrder } from '../operations/slot-order.ts';
import { SlotTransaction, TransactionStep } from '../operations/slot-transaction.ts';
import type { RequestOrigin } from '../request-origin.ts';
import type { KeptLimits } from './kept-transaction.ts';
import { MovableRequest } from './movable-request.ts';
import { PrivateSession } from './private-session.ts';

/**
 * A private session in a pool that is a cluster, whose slots move:
 *
 * - A transaction is kept here until it is run, and then goes as a whole (`SlotTransaction`); one that is too large for that
 *   takes a connection of its own, and must be begun again when its slot moves.
 * - Watched keys and commands that wait are at the node of their slot. As long as nothing is kept there they follow the slot. When a
 *   slot moves whose keys are watched, the transaction is not run, as if the keys had changed: clients then begin again.
 * - What the client asks besides, after WATCH was answered, goes the usual way.
 */
export class ClusterSession extends PrivateSession {
  private readonly order: SlotOrder;
  /** Of the keys that were watched first, and of the transaction. */
  private watchedSlot = NO_SLOT;
  private slot = NO_SLOT;
  /** The slot of the watched keys has moved: nothing is run. */
  private isBroken = false;
  private moving: MovableRequest | null = null;

  constructor(
    origin: RequestOrigin,
    pool: Pool,
    protocol: Protocol,
    words: TransactionWords,
    limits: KeptLimits,
    cluster: SlotForward,
  ) {
    super(origin, pool, protocol, words, limits);
    this.order = cluster.order;
  }

  override get isBusy(): boolean {
    if (super.isBusy || this.moving?.isPending) return true;
    return this.isBroken && this.origin.length > 0;
  }

  override get memoryBytes(): number {
    return super.memoryBytes + (this.moving?.heldBytes ?? 0);
  }

  override abandon(): void {
    super.abandon();
    this.moving?.forget();
  }

  protected override open(parser: RequestReading, bytes: RequestBytes): void {
    this.slot = NO_SLOT;
    if (this.own.backend !== null && !this.isBroken) {
      super.open(parser, bytes);
      return;
    }
    this.isOpen = true;
    this.isAborted = false;
    this.answer(parser, this.words.opened);
  }

  protected override queue(parser: RequestReading, bytes: RequestBytes): void {
    const { own, pool, words } = this;
    const slot = commonSlot(parser, bytes);
    const isOther = slot >= 0 && this.slot >= 0 && slot !== this.slot;
    if (slot === SEVERAL_SLOTS || isOther) {
      pool.stats.forwardError++;
      this.refuse(parser, this.order.words.crossSlotReply);
      return;
    }
    if (slot >= 0) this.slot = slot;
    if (slot >= 0 && own.backend !== null && pool.ownerOf(slot) !== own.backend && !this.isBroken) {
      if (slot === this.watchedSlot) this.break();
      else {
        pool.stats.forwardError++;
        this.refuse(parser, this.isWatching ? this.order.words.crossSlotReply : this.order.words.movedMeanwhileReply);
        return;
      }
    }
    if (this.isBroken) this.answer(parser, words.queued);
    else if (own.backend === null && own.lostReason === null && (this.slot < 0 || this.kept.hasRoomFor(bytes)))
      this.keepForLater(parser, bytes);
    else super.queue(parser, bytes);
  }

  /** What has no key names the node, too, where keys came before it. */
  protected override ownerOf(parser: RequestReading, bytes: RequestBytes): Backend | null | typeof SEVERAL {
    const isFirst = this.own.backend === null && this.slot >= 0 && commonSlot(parser, bytes) < 0;
    return isFirst ? this.pool.ownerOf(this.slot) : super.ownerOf(parser, bytes);
  }

  protected override run(parser: RequestReading, bytes: RequestBytes): void {
    const { own, isAborted } = this;
    if (isAborted) super.run(parser, bytes);
    else if (this.isBroken) {
      this.endTransaction();
      this.giveUp(parser, this.words.notRun(this.origin.variant));
    } else if (own.backend === null && own.lostReason === null && this.slot >= 0 && own.heldRequests > 0) {
      this.runWhole(parser, bytes);
    } else super.run(parser, bytes);
  }

  protected override watch(parser: RequestReading, bytes: RequestBytes): void {
    const { own, origin } = this;
    if (this.isBroken) {
      this.answer(parser, this.words.discarded);
      return;
    }
    const target = this.target(parser, bytes);
    if (target === null) {
      if (!this.isWatching) this.isEnding = true;
      return;
    }
    if (this.isBroken) {
      this.answer(parser, this.words.discarded);
      return;
    }
    if (own.backend !== null || own.lostReason !== null) {
      super.watch(parser, bytes);
      return;
    }
    const slot = commonSlot(parser, bytes);
    this.watchedSlot = slot;
    this.isWatching = true;
    this.isEnding = false;
    const sink = new NotedReply(origin, () => this.keptWatch());
    this.move(target, super.ask(parser), slot, bytes, sink, 0);
  }

  protected override unwatch(parser: RequestReading, bytes: RequestBytes): void {
    if (!this.isBroken) {
      super.unwatch(parser, bytes);
      return;
    }
    this.isEnding = true;
    this.isWatching = false;
    this.answer(parser, this.words.discarded);
  }

  protected override block(parser: RequestReading, bytes: RequestBytes): void {
    if (parser.keyCount === 0) {
      super.block(parser, bytes);
      return;
    }
    if (this.isBroken) this.own.restart();
    const target = this.target(parser, bytes);
    if (!this.isWatching) this.isEnding = true;
    if (target === null) return;
    const request = super.ask(parser);
    this.isBlocking = true;
    const sink = privateSink(this.origin, parser);
    this.wait.begin(request, sink);
    this.move(target, request, commonSlot(parser, bytes), bytes, sink, parser.waitMs);
  }

  /** After WATCH was answered, whatever is read is read after it, by whichever connection. */
  protected override passBy(): boolean {
    return false;
  }

  protected override ask(parser: RequestReading, sink = privateSink(this.origin, parser)): Request {
    const request = super.ask(parser, sink);
    const { hold } = parser;
    if (hold === HOLD_QUEUE || hold === HOLD_RUN || hold === HOLD_WATCH) {
      const hearer = hold === HOLD_RUN ? this.ofRun : hold === HOLD_QUEUE ? this.ofPart : this.ofWatch;
      request.sink = new NodeWordReply(sink, this.order, hearer);
    }
    return request;
  }

  private readonly ofPart: NodeWordHearer = {
    onWord: (request, word) => word.kind !== WORD_NONE && this.isElsewhereNow(request, word, this.words.queued),
    onLost: () => false,
  };

  private readonly ofWatch: NodeWordHearer = {
    onWord: (request, word) => word.kind !== WORD_NONE && this.isElsewhereNow(request, word, this.words.discarded),
    onLost: () => false,
  };

  private readonly ofRun: NodeWordHearer = {
    onWord: (request, word, reply) => {
      const isOfWord = word.kind !== WORD_NONE || (this.isBroken && this.words.isAborted(reply));
      return isOfWord && this.isElsewhereNow(request, word, this.words.notRun(this.origin.variant));
    },
    onLost: () => false,
  };

  /** Where keys are watched the client reads `reply`, and the transaction will not be run. */
  private isElsewhereNow(request: Request, word: NodeWord, reply: Buffer): true {
    const { order, origin } = this;
    if (word.kind !== WORD_NONE) order.pool.hint('a slot has moved');
    const place =
      word.kind === WORD_MOVED ? order.pool.slots.serverAt(order.addressOf(word, request.server as Backend)) : NO_OWNER;
    if (place !== NO_OWNER) order.moved(word.slot, place);
    if (this.watchedSlot === NO_SLOT) origin.failWith(request, order.words.movedMeanwhileReply);
    else {
      this.break();
      origin.onReply(request, reply, 0, reply.length, true, null);
    }
    return true;
  }

  /** What the server still watches goes with the connection. */
  private break(): void {
    this.isBroken = true;
    this.isSoiled = true;
  }

  /** All that was kept, over the connection that all share. */
  private runWhole(parser: RequestReading, bytes: RequestBytes): void {
    const { origin, kept, words, order, slot } = this;
    const { open } = words;
    const request = super.ask(parser);
    const steps = [
      new TransactionStep(null, new RequestBytes().set(open, 0, open.length, null)),
      ...kept.take().map(part => new TransactionStep(null, part)),
      new TransactionStep(request, bytes.keep()),
    ];
    // What the reply changes at the client is changed before the next request is read.
    if (parser.transform === null) this.finish(true);
    else this.endTransaction();
    const transaction = new SlotTransaction(order, origin, slot, steps, words, kept.remedies);
    order.start(transaction);
  }

  /** The node of the request's slot; null, with the client told, when there is none, or another than that of the connection. */
  private target(parser: RequestReading, bytes: RequestBytes): Backend | null {
    const { pool, own, order } = this;
    const slot = commonSlot(parser, bytes);
    const owner = slot < 0 ? null : pool.ownerOf(slot);
    const isElsewhere = own.backend !== null && owner !== own.backend;
    if (isElsewhere && owner !== null && slot === this.watchedSlot) {
      this.break();
      own.restart();
      return owner;
    }
    if (owner !== null && !isElsewhere) return owner;
    pool.stats.forwardError++;
    if (owner === null && slot >= 0) pool.hint('a slot has no owner');
    this.answer(parser, owner === null && slot >= 0 ? order.words.noOwnerReply : order.words.crossSlotReply);
    return null;
  }

  /** On the connection of the client's own, to wherever the slot is. */
  private move(
    target: Backend,
    request: Request,
    slot: number,
    bytes: RequestBytes,
    sink: ReplySink,
    waitMs: number,
  ): void {
    const { own, order, protocol } = this;
    this.moving = new MovableRequest(own, order, sink, slot, bytes, waitMs, protocol.waits, () => {
      if (this.isWatchKept) this.break();
    });
    this.moving.send(target, request);
  }
}
