import type { BackendStats } from '../figures/statistics.ts';
import type { Clock } from '../loop/clock.ts';
import type { Block } from '../memory/block.ts';
import { Fifo } from '../memory/fifo.ts';
import { MALFORMED, type ReplyScanner } from '../protocol/protocol.ts';
import type { FailureReason } from '../request/failure.ts';
import type { Request } from '../request/request.ts';
import type { Outbox } from '../socket/outbox.ts';
import { GivenGifts } from './given-gifts.ts';

/** Who the requests of a stream belong to. */
export interface ReplyStreamOwner {
  /** The backend. */
  readonly server: { readonly name: string };
  readonly stats: BackendStats;
  readonly clock: Clock;
  /** A whole reply came; its last piece has not been passed on yet. */
  answered(scanner: ReplyScanner): void;
  fail(request: Request, reason: FailureReason): void;
}

/** Takes what a server says without being asked. */
export interface PushSink {
  /** The next piece of it; as `ReplySink.onReply`. */
  onPush(buf: Buffer, start: number, end: number, last: boolean, block: Block | null): void;
}

/** See `ReplyStream.mark`. */
export interface StreamMark {
  readonly era: number;
  /** Each has to be answered, with all before it. */
  readonly last: readonly Request[];
}

/** All that came was passed on. */
export const STREAM_READ = 0;
/** Whoever took a reply has ended the stream. */
export const STREAM_ENDED = 1;
/** The server does not speak its protocol. */
export const STREAM_GARBAGE = 2;
/** The server spoke though nobody had asked, and there is nobody to take it. */
export const STREAM_UNASKED = 3;
export type StreamResult = 0 | 1 | 2 | 3;

/**
 * The replies that a connection awaits, in the order of the requests that were written to it:
 *
 *   expect ─▶ [ overdue: failed, its reply is dropped | … | awaited | … ]     the head owns whatever is read next
 *                 │ read: scanner finds its end
 *                 └─▶ the request's sink, or, for what answers no request, the push sink
 *
 * A request that is overdue fails, and keeps its place until its reply has come: so all later ones get their own.
 */
export class ReplyStream {
  /** Bytes of all requests that are not answered yet. */
  inflightBytes = 0;
  /** When bytes last came, or the stream began, on the worker's clock. */
  private heardAtMs = 0;
  /** What the server was given on the connection. */
  gifts = new GivenGifts();
  protected readonly owner: ReplyStreamOwner;
  private readonly scanner: ReplyScanner;
  private readonly pushes: PushSink | null;
  protected outbox: Outbox | null = null;
  private inflight = new Fifo<Request>();
  /** So many at the head of `inflight` have failed and only keep their place. */
  private overdue = 0;
  /** So many at the tail of `inflight` are in the outbox still. */
  private unwritten = 0;
  /** The scanner is inside a reply, or inside a push. */
  private isInReply = false;
  private isInPush = false;
  /** Changes when the connection does. */
  era = 0;

  /** `pushes`: takes what answers no request; null: whoever says such a thing is not to be trusted. */
  constructor(owner: ReplyStreamOwner, scanner: ReplyScanner, pushes: PushSink | null = null) {
    this.owner = owner;
    this.scanner = scanner;
    this.pushes = pushes;
  }

  /** Requests whose replies are awaited, overdue ones included. */
  get length(): number {
    return this.inflight.length;
  }

  /** Of these, the ones that somebody still waits for. */
  get awaited(): number {
    return this.inflight.length - this.overdue;
  }

  /** A reply of a higher kind than `replyKind` is awaited. */
  awaitsAbove(replyKind: number): boolean {
    for (let i = 0; i < this.inflight.length; i++) if (this.inflight.at(i).replyKind > replyKind) return true;
    return false;
  }

  /** `request`, of `sizeBytes`, is about to be appended to the outbox. */
  expect(request: Request, sizeBytes: number, nowMs: number): void {
    this.stamp(request, sizeBytes, nowMs);
    this.await(request);
  }

  /** It is on this connection from now on. */
  protected stamp(request: Request, sizeBytes: number, nowMs: number): void {
    request.sizeBytes = sizeBytes;
    request.startedAtMs = nowMs;
    request.server = this.owner.server;
    request.turn = null;
    request.queuedAtUs = this.owner.clock.nowUs;
  }

  protected await(request: Request): void {
    this.inflight.push(request);
    this.unwritten++;
    this.inflightBytes += request.sizeBytes;
  }

  /** What was appended to the outbox so far was written. */
  written(): void {
    const { inflight, unwritten } = this;
    if (unwritten === 0) return;
    this.unwritten = 0;
    const nowUs = this.owner.clock.turnUs();
    for (let i = inflight.length - unwritten; i < inflight.length; i++) inflight.at(i).sentAtUs = nowUs;
  }

  /** The connection is ready: what has waited is written now, and its time begins. */
  open(outbox: Outbox, nowMs: number): void {
    this.outbox = outbox;
    this.heardAtMs = nowMs;
    for (let i = this.overdue; i < this.inflight.length; i++) this.inflight.at(i).startedAtMs = nowMs;
  }

  /** Passes on `buf[0, length)`, which has just come; `block` as for `ReplySink.onReply`. */
  read(buf: Buffer, length: number, block: Block | null, nowMs: number): StreamResult {
    const { scanner, era } = this;
    this.heardAtMs = nowMs;
    let position = 0;
    while (position < length) {
      if (this.isInPush || (this.pushes !== null && !this.isInReply && this.isPush(buf[position] as number))) {
        position = this.readPush(buf, position, length, block);
        if (this.era !== era) return STREAM_ENDED;
        if (position === MALFORMED) return STREAM_GARBAGE;
        continue;
      }
      const head = this.inflight.peek();
      if (head === undefined || this.isUnsent()) return STREAM_UNASKED;
      if (!this.isInReply) {
        scanner.begin(head.replyKind);
        this.isInReply = true;
      }
      const stop = scanner.scan(buf, position, length);
      if (stop < 0) {
        if (stop === MALFORMED) return STREAM_GARBAGE;
        this.deliver(head, buf, position, length, false, block);
        return this.era === era ? STREAM_READ : STREAM_ENDED;
      }
      this.isInReply = false;
      this.inflight.shift();
      if (this.overdue > 0) this.overdue--;
      this.inflightBytes -= head.sizeBytes;
      this.owner.answered(scanner);
      if (head.valuesAsked > 0) this.count(head.valuesAsked);
      this.time(head);
      this.deliver(head, buf, position, stop, true, block);
      position = stop;
      if (this.era !== era) return STREAM_ENDED;
    }
    return STREAM_READ;
  }

  /** Fails what was sent `timeoutMs` ago or earlier and is not answered; the number of these. */
  failOverdue(nowMs: number, timeoutMs: number): number {
    const { era } = this;
    let failed = 0;
    while (this.era === era && this.overdue < this.inflight.length) {
      const request = this.inflight.at(this.overdue);
      if (request.extraMs < 0 || nowMs - request.startedAtMs - request.extraMs < timeoutMs) break;
      this.overdue++;
      failed++;
      this.fail(request, this.overdue > this.inflight.length - this.unwritten, 'timed_out');
      request.sink = null;
    }
    return failed;
  }

  /** For so long nothing at all has come, though a reply was due. */
  silentMs(nowMs: number): number {
    const head = this.inflight.peek();
    if (head === undefined || head.extraMs < 0) return 0;
    return nowMs - Math.max(this.heardAtMs, head.startedAtMs + head.extraMs);
  }

  /** For so long nothing has come since `sinceMs`, though a reply was awaited. */
  unheardMs(nowMs: number, sinceMs: number): number {
    return this.inflight.length === 0 ? 0 : nowMs - Math.max(this.heardAtMs, sinceMs);
  }

  /** For so long the reply that is next has been due. */
  headAgeMs(nowMs: number): number {
    const head = this.inflight.peek();
    return head === undefined || head.extraMs < 0 ? 0 : nowMs - head.startedAtMs - head.extraMs;
  }

  /** Stands for all that was sent so far; null: all of it is answered. */
  mark(): StreamMark | null {
    const { inflight } = this;
    return inflight.length === 0 ? null : { era: this.era, last: [inflight.at(inflight.length - 1)] };
  }

  /** What the mark stands for is answered, or never will be: then the connection is gone. */
  isPast({ era, last }: StreamMark): boolean {
    return era !== this.era || !last.some(request => this.has(request));
  }

  protected has(request: Request): boolean {
    for (let i = 0; i < this.inflight.length; i++) if (this.inflight.at(i) === request) return true;
    return false;
  }

  /** No reply will come any more: fails all that is awaited. */
  end(reason: FailureReason): void {
    const { inflight, overdue } = this;
    const written = inflight.length - this.unwritten;
    this.forgetConnection();
    if (inflight.length === 0) return;
    this.inflight = new Fifo<Request>();
    this.inflightBytes = 0;
    this.unwritten = 0;
    this.overdue = 0;
    for (let i = overdue; i < inflight.length; i++) this.fail(inflight.at(i), i >= written, reason);
  }

  /** The connection is gone; what is awaited waits for another. */
  forgetConnection(): void {
    this.era++;
    if (!this.gifts.isEmpty) this.gifts = new GivenGifts();
    this.outbox = null;
    this.isInReply = false;
    this.isInPush = false;
  }

  /**
   * Not a byte of any request inflight has left: what the server says is no answer to it, but perhaps one that came
   * twice. The next request must not get it.
   */
  private isUnsent(): boolean {
    return this.outbox === null || this.outbox.unwrittenBytes >= this.inflightBytes;
  }

  private count(asked: number): void {
    const { scanner, owner } = this;
    if (scanner.isError) return;
    const found = scanner.found(asked);
    owner.stats.valuesFound += found;
    owner.stats.valuesMissing += asked - found;
  }

  private time(request: Request): void {
    const { stats, clock } = this.owner;
    const { queuedAtUs, sentAtUs } = request;
    const { nowUs } = clock;
    request.repliedAtUs = nowUs;
    stats.times.record((sentAtUs - queuedAtUs) >>> 0, (nowUs - sentAtUs) >>> 0);
  }

  private fail(request: Request, isUnwritten: boolean, reason: FailureReason): void {
    // All its time it has waited here.
    if (isUnwritten) request.sentAtUs = this.owner.clock.nowUs;
    this.owner.fail(request, reason);
  }

  private isPush(firstByte: number): boolean {
    return this.inflight.length === 0 || this.scanner.isPush(firstByte);
  }

  /** The position after the push or the part of it that is there, or MALFORMED. */
  private readPush(buf: Buffer, start: number, end: number, block: Block | null): number {
    if (!this.isInPush) this.scanner.beginPush();
    const stop = this.scanner.scan(buf, start, end);
    if (stop === MALFORMED) return MALFORMED;
    this.isInPush = stop < 0;
    this.owner.stats.responseBytes += (stop < 0 ? end : stop) - start;
    this.pushes?.onPush(buf, start, stop < 0 ? end : stop, stop >= 0, block);
    return stop < 0 ? end : stop;
  }

  private deliver(
    request: Request,
    buf: Buffer,
    start: number,
    end: number,
    isLast: boolean,
    block: Block | null,
  ): void {
    this.owner.stats.responseBytes += end - start;
    if (request.turn !== null) request.turn.replied(request, end - start, isLast);
    request.sink?.onReply(request, buf, start, end, isLast, block);
  }
}
