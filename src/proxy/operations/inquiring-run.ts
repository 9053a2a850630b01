import type { Block } from '../../memory/block.ts';
import type { AwaitedRun } from '../../protocol/awaited-run.ts';
import type { RequestReading } from '../../protocol/protocol.ts';
import { HOLD_RUN } from '../../protocol/routes.ts';
import type { FailureReason } from '../../request/failure.ts';
import type { ReplySink, Request } from '../../request/request.ts';
import { RequestBytes } from '../../request/request-bytes.ts';
import type { RequestOrigin } from '../request-origin.ts';
import { replySink } from './transformed-reply.ts';

/** What each piece that is kept costs beside its bytes. */
const PIECE_BYTES = 64;

/** Where the reply to a request for the client's own connection goes. */
export function privateSink(origin: RequestOrigin, parser: RequestReading): ReplySink {
  const sink = replySink(origin, parser.transform);
  const isAwaiting = parser.hold === HOLD_RUN && parser.awaitedRun !== null;
  return isAwaiting ? new InquiringRun(origin, sink, parser.awaitedRun) : sink;
}

/**
 * The reply to a request that runs others, of which some are answered by all workers:
 *
 *   piece of the server's ─▶ up to the place of one ─▶ sink
 *                             └─ the rest is kept until all workers have answered, or their time is over ─▶ … up to the next
 *
 * They are asked one after the other, and not before what stands before them is done. What is kept counts as held for the client.
 */
class InquiringRun implements ReplySink {
  private readonly origin: RequestOrigin;
  private readonly sink: ReplySink;
  private readonly run: AwaitedRun;
  private isWaiting = false;
  private kept: RequestBytes[] = [];
  private keptBytes = 0;
  /** What is kept is all of the reply. */
  private isWhole = false;
  private hasFailed = false;

  constructor(origin: RequestOrigin, sink: ReplySink, run: AwaitedRun) {
    this.origin = origin;
    this.sink = sink;
    this.run = run;
  }

  onReply(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const at = this.isWaiting ? start : this.passOn(request, buf, start, end, isLast, block);
    if (this.isWaiting) this.keep(request, buf, at, end, isLast, block);
  }

  onFailure(request: Request, reason: FailureReason): void {
    this.hasFailed = true;
    this.run.end();
    this.dropKept(request);
    this.sink.onFailure(request, reason);
  }

  /** Returns where it has to wait. */
  private passOn(
    request: Request,
    buf: Buffer,
    start: number,
    end: number,
    isLast: boolean,
    block: Block | null,
  ): number {
    const { run, sink } = this;
    let at = start;
    for (let place = run.placeIn(buf, at, end); place < end; place = run.placeIn(buf, at, end)) {
      if (place > at) sink.onReply(request, buf, at, place, false, block);
      at = place;
      const inquiry = run.ask();
      if (inquiry === null) continue;
      this.isWaiting = true;
      this.origin.askClients(inquiry.question, (answers, isWholeAnswer) => {
        if (this.hasFailed) return;
        run.answered(inquiry.reply(answers, isWholeAnswer));
        this.isWaiting = false;
        this.goOn(request);
      });
      if (this.isWaiting) return at;
    }
    sink.onReply(request, buf, at, end, isLast, block);
    return end;
  }

  private keep(request: Request, buf: Buffer, start: number, end: number, isLast: boolean, block: Block | null): void {
    const piece = new RequestBytes().set(buf, start, end, block).keep();
    this.isWhole = isLast;
    this.kept.push(piece);
    this.count(request, piece.heldBytes + PIECE_BYTES);
  }

  /** Passes on what was kept, up to the next place. */
  private goOn(request: Request): void {
    const { kept, isWhole } = this;
    this.kept = [];
    this.count(request, -this.keptBytes);
    for (const [i, piece] of kept.entries()) {
      const { buf, start, end, block } = piece;
      const isLast = isWhole && i === kept.length - 1;
      // The client has left.
      if (request.sink !== null) this.onReply(request, buf, start, end, isLast, block);
      piece.release();
    }
  }

  private dropKept(request: Request): void {
    for (const piece of this.kept) piece.release();
    this.kept = [];
    this.count(request, -this.keptBytes);
  }

  private count(request: Request, bytes: number): void {
    this.keptBytes += bytes;
    if (request.sink !== null && bytes !== 0) this.origin.onPart(request, bytes);
  }
}
