import type { Block } from '../memory/block.ts';
import type { FailureReason } from '../request/failure.ts';
import type { Request } from '../request/request.ts';
import type { RequestBytes, RequestOut } from '../request/request-bytes.ts';
import type { Outbox } from '../socket/outbox.ts';
import { type ReadyLine, readyLines } from '../socket/ready-lines.ts';
import { ReplyStream, STREAM_READ, type StreamMark, type StreamResult } from './reply-stream.ts';
import { TenantTurns } from './tenant-turns.ts';

/**
 * The stream of a connection that clients share: where they are of several tenants, requests may have to wait for their
 * tenant's turn before they are sent. What waits belongs to the connection as what was sent does, and always stands behind
 * something that was sent.
 */
export class FairStream extends ReplyStream {
  /** Null: all have been of one tenant so far. */
  private turns: TenantTurns | null = null;

  /** With those that wait for their turn. */
  override get length(): number {
    return super.length + this.waiting;
  }

  /** Those that wait for their turn. */
  get waiting(): number {
    return this.turns === null ? 0 : this.turns.waiting;
  }

  /** Of those that wait for their turn. */
  get heldBytes(): number {
    return this.turns === null ? 0 : this.turns.heldBytes;
  }

  /** Sends `bytes`, valid during the call, to `out`, now or later. `line`: whose they are; null: nobody's, they never wait. */
  send(request: Request, bytes: RequestBytes, line: ReadyLine | null, out: RequestOut): void {
    this.stamp(request, bytes.sizeBytes, this.owner.clock.nowMs);
    if (line !== null && (readyLines.areSeveral || this.isHolding) && this.holds(line, request, bytes)) return;
    this.await(request);
    bytes.appendTo(out);
  }

  override read(buf: Buffer, length: number, block: Block | null, nowMs: number): StreamResult {
    const result = super.read(buf, length, block, nowMs);
    if (this.isHolding && result === STREAM_READ) this.sendNext();
    return result;
  }

  override open(outbox: Outbox, nowMs: number): void {
    super.open(outbox, nowMs);
    for (const request of this.eachWaiting()) request.startedAtMs = nowMs;
  }

  override awaitsAbove(replyKind: number): boolean {
    if (super.awaitsAbove(replyKind)) return true;
    for (const request of this.eachWaiting()) if (request.replyKind > replyKind) return true;
    return false;
  }

  override mark(): StreamMark | null {
    const mark = super.mark();
    return mark === null || this.turns === null ? mark : { ...mark, last: [...mark.last, ...this.turns.lasts()] };
  }

  protected override has(request: Request): boolean {
    if (super.has(request)) return true;
    for (const waiting of this.eachWaiting()) if (waiting === request) return true;
    return false;
  }

  override failOverdue(nowMs: number, timeoutMs: number): number {
    const { era, turns } = this;
    const failed = super.failOverdue(nowMs, timeoutMs);
    // The server has not heard of them, so they are no sign of its health.
    if (turns !== null && this.era === era) this.failAll(turns.takeOverdue(nowMs - timeoutMs), 'timed_out');
    return failed;
  }

  override end(reason: FailureReason): void {
    const waiting = this.turns === null ? NOTHING : this.turns.takeAll();
    super.end(reason);
    this.failAll(waiting, reason);
  }

  private get isHolding(): boolean {
    return this.waiting > 0;
  }

  private eachWaiting(): Iterable<Request> {
    return this.turns === null ? NOTHING : this.turns.each();
  }

  private holds(line: ReadyLine, request: Request, bytes: RequestBytes): boolean {
    this.turns ??= new TenantTurns();
    return this.turns.take(line, request, bytes);
  }

  private sendNext(): void {
    const { turns, outbox } = this;
    if (turns === null || outbox === null) return;
    for (let lane = turns.next(); lane !== null; lane = turns.next()) {
      this.await(lane.waiting.peek() as Request);
      turns.sendFirst(lane, outbox);
    }
  }

  private failAll(requests: readonly Request[], reason: FailureReason): void {
    for (const request of requests) {
      // All its time it has waited here.
      request.sentAtUs = this.owner.clock.nowUs;
      this.owner.fail(request, reason);
    }
  }
}

const NOTHING: readonly Request[] = [];
