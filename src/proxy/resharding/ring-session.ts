import type { Protocol, RequestReading } from '../../protocol/protocol.ts';
import type { TransactionWords } from '../../protocol/transaction-words.ts';
import type { ReplySink, Request } from '../../request/request.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { Pool } from '../../upstream/pool.ts';
import { MovedWait } from '../operations/moved-wait.ts';
import type { KeptLimits } from '../private/kept-transaction.ts';
import { PrivateSession } from '../private/private-session.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { DeferredRequest } from './deferred-request.ts';

/** A server that did not know yet of what it should end is told once more so soon. */
const AGAIN_MS = 5;

/**
 * A private session in a pool that is a ring, of which another may take the place:
 *
 * - A client that waits at a server waits on at the one that has its keys by then, and notices nothing.
 * - Keys that a server watches are let go: the transaction is not run, as if they had changed, and clients begin again.
 * - A transaction that is open has some time to end; then it is given up.
 */
export class RingSession extends PrivateSession {
  /** Dispatches a request, that was asked before, once its keys are where it goes. */
  private readonly askAgain: (request: DeferredRequest) => void;
  /** What the client waits for; null: nothing that could be waited for elsewhere. */
  private awaited: DeferredRequest | null = null;
  private startedAtMs = 0;

  constructor(
    origin: RequestOrigin,
    pool: Pool,
    protocol: Protocol,
    words: TransactionWords,
    limits: KeptLimits,
    askAgain: (request: DeferredRequest) => void,
  ) {
    super(origin, pool, protocol, words, limits);
    this.askAgain = askAgain;
  }

  override get memoryBytes(): number {
    return super.memoryBytes + (this.awaited?.heldBytes ?? 0);
  }

  /** The server has something of it, or may have, of which `moves` may say that its keys move. */
  isAtServer(moves: (request: RequestReading) => boolean): boolean {
    const { own } = this;
    if (own.backend === null || own.lostReason !== null || own.isReleased) return false;
    return this.isWatching || !this.isInWait || this.awaited === null || moves(this.awaited);
  }

  /**
   * What the client waits for at the server is waited for anew, with the rest of its time, when its keys are elsewhere. What the
   * server gives it before is the client's.
   */
  moveOn(): void {
    const { awaited, own } = this;
    const { request } = this.wait;
    const { waits } = this.protocol;
    // Keys that the server watches can't be taken along.
    if (request === null || awaited === null || waits === null || !this.isInWait || this.isWatching) return;
    const again = () => {
      this.awaited = null;
      own.restart();
      this.isEnding = false;
      awaited.resumes = request;
      if (awaited.waitMs > 0) {
        awaited.waitMs = Math.max(1, awaited.waitMs - Math.round(this.pool.clock.refresh() - this.startedAtMs));
        const { buf, start, end } = awaited.bytes;
        awaited.replaceBytes(waits.waitingFor(buf.subarray(start, end), awaited.waitMs));
      }
      this.askAgain(awaited);
    };
    if (own.isWaiting) {
      again();
      return;
    }
    request.sink = new MovedWait(this.wait.sink, waits, again);
    const end = () => {
      if (this.awaited !== awaited || request.isSettled) return;
      this.wait.unblock(true, wasWaiting => {
        if (!wasWaiting) setTimeout(end, AGAIN_MS).unref();
      });
    };
    end();
  }

  /** Ends what is open at the server, where no reply is owed: the client hears of it when it goes on. `isLate`: a transaction, too. */
  cut(isLate: boolean): void {
    const mustEnd = isLate && this.isInWait && (this.isWatching || this.awaited === null);
    if (mustEnd) this.wait.unblock(false, () => {});
    else if (isLate || !this.isOpen) this.own.cut('moving');
  }

  override abandon(): void {
    super.abandon();
    this.forget();
  }

  protected override queue(parser: RequestReading, bytes: RequestBytes): void {
    if (this.hasMoved) this.answer(parser, this.words.queued);
    else super.queue(parser, bytes);
  }

  protected override run(parser: RequestReading, bytes: RequestBytes): void {
    if (!this.hasMoved || this.isAborted) {
      super.run(parser, bytes);
      return;
    }
    this.endTransaction();
    this.giveUp(parser, this.words.notRun(this.origin.variant));
  }

  protected override block(parser: RequestReading, bytes: RequestBytes): void {
    const { clock } = this.pool;
    this.forget();
    if (parser.keyCount > 0) {
      this.awaited = new DeferredRequest(this.origin, this.origin.variant, parser, bytes, clock.refresh());
      this.startedAtMs = clock.nowMs;
    }
    super.block(parser, bytes);
  }

  protected override ask(parser: RequestReading, sink?: ReplySink): Request {
    return resumedBy(parser) ?? super.ask(parser, sink);
  }

  protected override answer(parser: RequestReading, words: Buffer): void {
    const resumed = resumedBy(parser);
    if (resumed !== null) resumed.sink?.onReply(resumed, words, 0, words.length, true, null);
    else super.answer(parser, words);
  }

  protected override finish(isClean: boolean): void {
    super.finish(isClean);
    this.forget();
  }

  /** The server was asked to wait, and has not answered. */
  private get isInWait(): boolean {
    const { request } = this.wait;
    return request !== null && !request.isSettled;
  }

  /** Keys that it watched are on the move: nobody can tell that they have not changed, so that they are taken to have. */
  private get hasMoved(): boolean {
    return this.own.lostReason === 'moving' && this.isWatchKept;
  }

  private forget(): void {
    this.awaited?.release();
    this.awaited = null;
  }
}

/** The request that the client has asked already; null: it asks now. */
function resumedBy(parser: RequestReading): Request | null {
  return parser instanceof DeferredRequest ? parser.resumes : null;
}
