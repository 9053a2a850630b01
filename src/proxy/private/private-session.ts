import type { Protocol, RequestReading } from '../../protocol/protocol.ts';
import {
  HOLD_ABORT,
  HOLD_BLOCK,
  HOLD_CHANGE,
  HOLD_DISCARD,
  HOLD_OPEN,
  HOLD_QUEUE,
  HOLD_REFUSE,
  HOLD_RUN,
  HOLD_UNWATCH,
  HOLD_WATCH,
  isByKeys,
  ROUTE_PRIVATE,
} from '../../protocol/routes.ts';
import type { TransactionWords } from '../../protocol/transaction-words.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { Pool } from '../../upstream/pool.ts';
import { AbortedRun } from '../operations/aborted-run.ts';
import { commonOwner, ownerInReach, SEVERAL } from '../operations/common-owner.ts';
import { privateSink } from '../operations/inquiring-run.ts';
import { NotedReply } from '../operations/noted-reply.ts';
import type { PrivateLane, RequestOrigin } from '../request-origin.ts';
import { AwaitedGifts } from './awaited-gifts.ts';
import { type KeptLimits, KeptTransaction } from './kept-transaction.ts';
import { OwnConnection } from './own-connection.ts';
import { ServerWait } from './server-wait.ts';

const NOTHING = Buffer.alloc(0);

/*
 * What one client does on a server connection of its own: transactions, watched keys, commands that block.
 *
 *   unbound ──────── the first key names the server ────────▶ bound ─▶ ending: no more is read until ─▶ over: the connection
 *   (what is queued is answered here, and kept)                        the last reply is in             is given back clean
 *      └─ given up, or run with nothing in it ─▶ over
 *
 * Requests of one client so never overtake each other from one connection to another. Where the connection is lost, what was
 * inflight fails, what follows of the transaction fails, and nothing of it is run.
 */
export class PrivateSession implements PrivateLane {
  /** The server lets the client wait, for long perhaps. */
  isBlocking = false;
  readonly isGoingThrough = false;
  protected readonly origin: RequestOrigin;
  protected readonly pool: Pool;
  protected readonly protocol: Protocol;
  protected readonly words: TransactionWords;
  protected readonly own: OwnConnection;
  /** What is queued before a server is known. */
  protected readonly kept: KeptTransaction;
  /** The client is inside a transaction, … */
  protected isOpen = false;
  /** … of which the server knows, or will by what is held. */
  private isOpenAtServer = false;
  /** Something of it was refused: it is not to be run. */
  protected isAborted = false;
  /** The server watches keys, or will, … */
  protected isWatching = false;
  /** … as it has told the client. */
  protected isWatchKept = false;
  /** Waits at the server. */
  protected readonly wait: ServerWait;
  private readonly gifts: AwaitedGifts;
  protected isSoiled = false;
  protected isEnding = false;
  private isOver = false;

  constructor(origin: RequestOrigin, pool: Pool, protocol: Protocol, words: TransactionWords, limits: KeptLimits) {
    this.origin = origin;
    this.pool = pool;
    this.protocol = protocol;
    this.words = words;
    this.own = new OwnConnection(origin, () => this.lost());
    this.kept = new KeptTransaction(this.own, words.open, limits);
    this.wait = new ServerWait(origin, protocol, this.own);
    this.gifts = new AwaitedGifts(origin);
  }

  get isBusy(): boolean {
    // Outside of a transaction some requests go by shared connections: one after the other, so that none overtakes another.
    const isInStep = !this.isOpen && this.own.backend !== null && this.origin.length > 0;
    return this.isEnding || this.own.isWaiting || this.gifts.isWaiting || isInStep;
  }

  get memoryBytes(): number {
    return this.own.heldBytes;
  }

  take(parser: RequestReading, bytes: RequestBytes): boolean {
    if (parser.route !== ROUTE_PRIVATE) return this.passBy(parser, bytes);
    this.step(parser, bytes);
    this.endIfDone();
    return true;
  }

  refuseNext(parser: RequestReading, words: Buffer): boolean {
    if (parser.route !== ROUTE_PRIVATE) return false;
    if (parser.hold === HOLD_QUEUE) {
      this.refuse(parser, words);
    } else if (parser.hold === HOLD_RUN) {
      this.endTransaction();
      this.giveUp(parser, words);
      this.endIfDone();
    } else {
      return false;
    }
    return true;
  }

  onAnswered(): void {
    this.own.sendHeld();
    this.endIfDone();
  }

  interrupt(): boolean {
    return this.wait.interrupt();
  }

  unblock(isError: boolean, then: (wasBlocked: boolean) => void): void {
    this.wait.unblock(isError, then);
  }

  abandon(): void {
    this.finish(!this.isOpenAtServer && !this.isWatching);
  }

  private step(parser: RequestReading, bytes: RequestBytes): void {
    switch (parser.hold) {
      case HOLD_OPEN:
        this.open(parser, bytes);
        return;
      case HOLD_QUEUE:
        this.queue(parser, bytes);
        return;
      case HOLD_REFUSE:
        this.refuse(parser, parser.reply);
        return;
      case HOLD_RUN:
        this.run(parser, bytes);
        return;
      case HOLD_DISCARD:
        this.endTransaction();
        this.discard(parser, bytes, privateSink(this.origin, parser), this.words.discarded);
        return;
      case HOLD_ABORT:
        this.endTransaction();
        this.giveUp(parser, parser.reply);
        return;
      case HOLD_WATCH:
        this.watch(parser, bytes);
        return;
      case HOLD_UNWATCH:
        this.unwatch(parser, bytes);
        return;
      case HOLD_BLOCK:
        this.block(parser, bytes);
        return;
      case HOLD_CHANGE:
        this.isSoiled = true;
        this.tellServer(parser, bytes);
        return;
    }
  }

  protected open(parser: RequestReading, bytes: RequestBytes): void {
    const { backends } = this.pool;
    this.isOpen = true;
    this.isAborted = false;
    // Where there is one server, it need not wait for a key to name it.
    const backend = this.own.backend ?? (backends.length === 1 ? (backends[0] as Backend) : null);
    if (this.own.lostReason !== null || backend === null) {
      this.answer(parser, this.words.opened);
    } else {
      this.isOpenAtServer = true;
      this.own.send(backend, this.ask(parser), bytes);
    }
  }

  protected queue(parser: RequestReading, bytes: RequestBytes): void {
    const { own, protocol } = this;
    const owner = ownerInReach(this.ownerOf(parser, bytes), own.backend);
    if (own.lostReason !== null) {
      this.refuse(parser, protocol.failureReply(own.lostReason));
    } else if (owner === SEVERAL) {
      this.refuse(parser, this.crossServer());
    } else if (own.backend === null && owner === null && (parser.keyCount > 0 || parser.serverPlace >= 0)) {
      this.refuse(parser, protocol.failureReply('no_backend'));
    } else if (own.backend === null && owner === null) {
      this.keepForLater(parser, bytes);
    } else {
      this.tellOfTransaction();
      if (parser.isSoiling) this.isSoiled = true;
      const backend = (own.backend ?? owner) as Backend;
      this.gifts.give(backend, parser.remedy);
      own.send(backend, this.ask(parser), bytes);
    }
  }

  /** A queued request may name its server, where no key does. */
  protected ownerOf(parser: RequestReading, bytes: RequestBytes): Backend | null | typeof SEVERAL {
    const { serverPlace } = parser;
    return serverPlace < 0 ? commonOwner(this.pool, parser, bytes) : (this.pool.backends[serverPlace] ?? null);
  }

  /** Nobody knows yet which server it is for: it has no key. */
  protected keepForLater(parser: RequestReading, bytes: RequestBytes): void {
    if (!this.kept.hasRoomFor(bytes)) {
      this.refuse(parser, this.protocol.failureReply('overloaded'));
      return;
    }
    if (parser.isSoiling) this.isSoiled = true;
    this.kept.add(parser, bytes);
    this.answer(parser, this.words.queued);
  }

  /** The server hears of the transaction before what was kept of it. */
  protected tellOfTransaction(): void {
    if (!this.isOpenAtServer) this.kept.open();
    this.isOpenAtServer = true;
  }

  protected refuse(parser: RequestReading, words: Buffer): void {
    this.isAborted = true;
    this.answer(parser, words);
  }

  protected run(parser: RequestReading, bytes: RequestBytes): void {
    const { own } = this;
    this.endTransaction();
    if (this.isAborted || own.lostReason !== null) {
      this.giveUp(parser, this.words.aborted);
    } else if (own.backend === null && own.heldRequests === 0) {
      this.answer(parser, this.words.ranNothing);
    } else {
      this.tellOfTransaction();
      const target = own.backend ?? this.pool.pickAny();
      const request = this.ask(parser, this.gifts.takerOfRun(privateSink(this.origin, parser)));
      if (target === null) this.origin.onFailure(request, 'no_backend');
      else own.send(target, request, bytes);
      this.isOpenAtServer = false;
      this.isWatching = false;
    }
  }

  protected endTransaction(): void {
    this.isOpen = false;
    this.isEnding = true;
  }

  /** Nothing of the transaction is run; the client reads `reply`. */
  protected giveUp(parser: RequestReading, reply: Buffer): void {
    const { discard } = this.words;
    const sink = parser.isNoreply ? this.origin : new AbortedRun(this.origin, reply);
    this.discard(parser, new RequestBytes().set(discard, 0, discard.length, null), sink, reply);
  }

  /** `bytes` for the server, if it knows of the transaction; else the client reads `reply` at once. */
  private discard(parser: RequestReading, bytes: RequestBytes, sink: ReplySink, reply: Buffer): void {
    const { own } = this;
    if (own.lostReason === null && own.backend !== null && this.isOpenAtServer) {
      own.send(own.backend, this.ask(parser, sink), bytes);
    } else {
      // Keys that the server watches go with the connection.
      if (this.isWatching) this.isSoiled = true;
      own.dropKept();
      this.answer(parser, reply);
    }
    this.isOpenAtServer = false;
    this.isWatching = false;
  }

  protected watch(parser: RequestReading, bytes: RequestBytes): void {
    const { own } = this;
    const target = this.targetOf(parser, bytes);
    if (target === null) {
      if (!this.isWatching) this.isEnding = true;
      return;
    }
    const request = this.ask(parser, new NotedReply(this.origin, () => this.keptWatch()));
    // Where the connection is lost, the client is told, and may begin anew.
    this.isWatching = own.lostReason === null;
    this.isEnding = !this.isWatching;
    own.send(target, request, bytes);
  }

  protected keptWatch(): void {
    this.isWatchKept = true;
  }

  protected unwatch(parser: RequestReading, bytes: RequestBytes): void {
    this.isEnding = true;
    this.isWatching = false;
    this.tellServer(parser, bytes);
  }

  /** Without a server there is nothing to tell it. */
  private tellServer(parser: RequestReading, bytes: RequestBytes): void {
    const { own } = this;
    if (own.lostReason !== null || own.backend === null) this.answer(parser, this.words.discarded);
    else own.send(own.backend, this.ask(parser), bytes);
  }

  protected block(parser: RequestReading, bytes: RequestBytes): void {
    const target = this.targetOf(parser, bytes);
    if (!this.isWatching) this.isEnding = true;
    if (target === null) return;
    const sink = privateSink(this.origin, parser);
    const request = this.ask(parser, sink);
    this.isBlocking = true;
    request.extraMs = parser.waitMs;
    this.wait.begin(request, sink);
    this.own.give(parser.remedy);
    this.own.send(target, request, bytes);
  }

  /** Where the request goes; null, with the client told, when that is not one server, or another than this. */
  private targetOf(parser: RequestReading, bytes: RequestBytes): Backend | null {
    const { pool, origin, own } = this;
    if (parser.keyCount === 0) {
      if (own.backend === null && pool.holders.length > 1) origin.answer(parser.reply, false);
      return own.backend ?? (pool.holders.length > 1 ? null : (pool.holders[0] as Backend));
    }
    const owner = ownerInReach(commonOwner(pool, parser, bytes), own.backend);
    if (owner === SEVERAL) {
      this.answer(parser, this.crossServer());
      return null;
    }
    if (owner === null) origin.onFailure(this.ask(parser), 'no_backend');
    return owner;
  }

  /**
   * A request outside a transaction, of a client that watches keys: what concerns the same server goes the same way, so
   * that the server has it after WATCH. False: it has nothing to do with this.
   */
  protected passBy(parser: RequestReading, bytes: RequestBytes): boolean {
    const { own } = this;
    if (own.backend === null || own.lostReason !== null) return false;
    if (!isByKeys(parser.route)) return false;
    const owner = commonOwner(this.pool, parser, bytes);
    if (owner === SEVERAL) {
      this.answer(parser, this.crossServer());
      return true;
    }
    if (owner !== own.backend) return false;
    own.give(parser.remedy);
    own.send(owner, this.ask(parser), bytes);
    return true;
  }

  private crossServer(): Buffer {
    this.pool.stats.forwardError++;
    return this.protocol.crossServerReply;
  }

  protected ask(parser: RequestReading, sink: ReplySink = privateSink(this.origin, parser)): Request {
    const request = new Request(sink, parser.replyKind);
    request.isSilent = parser.isNoreply;
    this.origin.enqueue(request);
    return request;
  }

  protected answer(parser: RequestReading, words: Buffer): void {
    this.origin.answer(parser.isNoreply ? NOTHING : words, false);
  }

  /** What the client was told to be kept is lost: it has yet to hear of that. */
  private lost(): void {
    this.isOpenAtServer = false;
    if (!this.isOpen && !this.isWatchKept) this.isEnding = true;
    this.endIfDone();
  }

  private endIfDone(): void {
    if (this.isEnding && !this.own.isWaiting && this.origin.length === 0) this.finish(true);
  }

  protected finish(isClean: boolean): void {
    if (this.isOver) return;
    this.isOver = true;
    this.own.release(isClean && !this.isSoiled);
    this.origin.leavePrivate();
  }
}
