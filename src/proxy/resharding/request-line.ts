import { Fifo } from '../../memory/fifo.ts';
import type { RequestReading } from '../../protocol/protocol.ts';
import { HOLD_BLOCK, ROUTE_KEY, ROUTE_SAME_SERVER, ROUTE_SPLIT } from '../../protocol/routes.ts';
import type { RequestBytes } from '../../request/request-bytes.ts';
import type { LineLimits, RequestOrigin, WaitingLine } from '../request-origin.ts';
import { DeferredRequest, FAILED, PARKED, READY, WAITING } from './deferred-request.ts';

/** Who knows what requests wait for. */
export interface LineKeeper {
  readonly nowMs: number;
  /** A request is in line: sets its state, and has brought what it needs. `isAgain`: since other rules hold. */
  prepare(line: RequestLine, request: DeferredRequest, isAgain: boolean): void;
  dispatch(origin: RequestOrigin, request: DeferredRequest): void;
  refuse(origin: RequestOrigin, request: DeferredRequest): void;
  /** The line is to advance when the turn ends, not inside somebody's reply. */
  due(line: RequestLine): void;
  /** The line has more bytes, or less. */
  keeps(bytes: number): void;
  ended(line: RequestLine): void;
}

/**
 * The requests of one client that wait for keys on the move, and all that came after them, in the client's order:
 *
 *   add ─▶ [ head: waiting │ … │ tail ] ─▶ the head is ready, or has failed ─▶ dispatched, or refused
 *
 * What the others wait for comes meanwhile, so that a pipeline waits no longer than its slowest part. A request that may
 * change what the client's next ones mean is the last: the client is read no further before it was dispatched.
 */
export class RequestLine implements WaitingLine {
  heldBytes = 0;
  private readonly origin: RequestOrigin;
  private readonly keeper: LineKeeper;
  private readonly waiting = new Fifo<DeferredRequest>();
  /** The one that is being dispatched. */
  private current: DeferredRequest | null = null;
  /** Of those that were added; what is dispatched sees its own. */
  private isClosed = false;
  private isAdvancing = false;
  private isOver = false;

  constructor(origin: RequestOrigin, keeper: LineKeeper) {
    this.origin = origin;
    this.keeper = keeper;
  }

  get variant(): number {
    return this.current === null ? -1 : this.current.variant;
  }

  get isBlocking(): boolean {
    const { length } = this.waiting;
    return length > 0 && this.waiting.at(length - 1).hold === HOLD_BLOCK;
  }

  isFull({ maxPipeline, bufferBytes }: LineLimits, pending: number, pendingBytes: number): boolean {
    if (this.isClosed) return true;
    return this.waiting.length + pending >= maxPipeline || this.heldBytes + pendingBytes >= bufferBytes;
  }

  add(reading: RequestReading, bytes: RequestBytes): void {
    const { origin, keeper } = this;
    this.push(new DeferredRequest(origin, origin.variant, reading, bytes, keeper.nowMs));
  }

  /** As `add`; the request is the line's from now on. */
  push(request: DeferredRequest): void {
    const { keeper } = this;
    request.sinceMs = keeper.nowMs;
    const { route } = request;
    this.isClosed = route !== ROUTE_KEY && route !== ROUTE_SPLIT && route !== ROUTE_SAME_SERVER;
    this.waiting.push(request);
    this.heldBytes += request.heldBytes;
    keeper.keeps(request.heldBytes);
    keeper.prepare(this, request, false);
    this.advance();
  }

  /** Something has come that the request has waited for; `isBrought`: it is there. */
  came(request: DeferredRequest, isBrought: boolean): void {
    if (request.state !== WAITING) return;
    request.pending--;
    if (!isBrought) request.state = FAILED;
    else if (request.pending === 0) request.state = READY;
    this.keeper.due(this);
  }

  /** Other rules hold: what each needs is found out anew. */
  prepareAgain(): void {
    for (let i = 0; i < this.waiting.length; i++) {
      const request = this.waiting.at(i);
      if (request.state !== FAILED) this.keeper.prepare(this, request, true);
    }
    this.keeper.due(this);
  }

  /** Fails what has waited since `sinceMs`, or before. */
  failOverdue(sinceMs: number): void {
    for (let i = 0; i < this.waiting.length; i++) {
      const request = this.waiting.at(i);
      if (request.sinceMs > sinceMs) break;
      if (request.state === WAITING || request.state === PARKED) request.state = FAILED;
    }
    this.keeper.due(this);
  }

  failAll(): void {
    this.failOverdue(Number.POSITIVE_INFINITY);
  }

  onAnswered(): void {
    this.keeper.due(this);
  }

  /** Dispatches what may be. */
  advance(): void {
    if (this.isAdvancing || this.isOver) return;
    this.isAdvancing = true;
    const { waiting, origin, keeper } = this;
    let head = waiting.peek();
    while (head !== undefined && (head.state === READY || head.state === FAILED) && !this.isHeldUp && !this.isOver) {
      waiting.shift();
      this.current = head;
      head.resume(origin);
      if (head.state === READY) keeper.dispatch(origin, head);
      else keeper.refuse(origin, head);
      this.current = null;
      this.letGo(head);
      head = waiting.peek();
    }
    this.isAdvancing = false;
    if (waiting.length > 0 || this.isOver) return;
    this.isOver = true;
    keeper.ended(this);
    origin.lineEnded();
  }

  abandon(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (let request = this.waiting.shift(); request !== undefined; request = this.waiting.shift()) {
      request.state = FAILED;
      this.letGo(request);
    }
    this.keeper.ended(this);
  }

  private letGo(request: DeferredRequest): void {
    this.heldBytes -= request.heldBytes;
    this.keeper.keeps(-request.heldBytes);
    request.release();
  }

  /** No further request of the client may be dispatched for now. */
  private get isHeldUp(): boolean {
    const { privateLane, subscriptions } = this.origin;
    return privateLane?.isBusy === true || subscriptions?.isBusy === true;
  }
}
