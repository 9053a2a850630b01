import type { KeySweep } from '../../protocol/key-sweep.ts';
import type { RequestReading } from '../../protocol/protocol.ts';
import type { FailureReason } from '../../request/failure.ts';
import { Request } from '../../request/request.ts';
import type { ReadyLine } from '../../socket/ready-lines.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { PrivateLane, RequestOrigin } from '../request-origin.ts';
import { serversOf } from './broadcast.ts';
import { SweepLine, type SweepOwner } from './sweep-line.ts';

/**
 * A request about all keys of its client, which are some of those on the servers: all servers at once are asked for them, each step by
 * step over the connection that all share.
 *
 *   waiting for what the client asked before ─▶ round: server ⇄ step … ─┬▶ the next round ─▶ … ─▶ reply
 *                                               server ⇄ step … ────────┘
 *
 * Nothing more of the client is dispatched before its reply: what it writes next comes after, and it asks no more than one step a
 * server at a time. A step is a request with the timeout of any other. What fails, or takes too long, ends it, once nothing of it
 * is at a server any more; so does the client that leaves.
 */
export class Sweep implements PrivateLane, SweepOwner {
  readonly isBusy = true;
  readonly isBlocking = false;
  readonly isGoingThrough = false;
  private readonly pool: Pool;
  private readonly origin: RequestOrigin;
  private readonly request: Request;
  private readonly sweep: KeySweep;
  private readonly variants: readonly number[];
  readonly replyKind: number;
  private readonly timeoutMs: number;
  /** What the client does beside. */
  private readonly before: PrivateLane | null;
  private startedAtMs = -1;
  /** Rounds of servers that are still to come. */
  private rounds: (readonly Backend[])[] = [];
  /** Of this round. */
  private lines: SweepLine[] = [];
  private busyLines = 0;
  private words: Buffer | null = null;
  private reason: FailureReason | null = null;
  private isAbandoned = false;

  constructor(pool: Pool, origin: RequestOrigin, parser: RequestReading, sweep: KeySweep, timeoutMs: number) {
    this.pool = pool;
    this.origin = origin;
    this.sweep = sweep;
    this.variants = parser.variants ?? [origin.variant];
    this.replyKind = parser.replyKind;
    this.timeoutMs = timeoutMs;
    this.before = origin.privateLane;
    this.request = new Request(origin, parser.replyKind);
    this.request.isSilent = parser.isNoreply;
    origin.enqueue(this.request);
    origin.privateLane = this;
    this.beginIfNext();
  }

  get memoryBytes(): number {
    return this.lines.reduce((sum, line) => sum + line.heldBytes, this.before?.memoryBytes ?? 0);
  }

  take(): boolean {
    return false;
  }

  refuseNext(): boolean {
    return false;
  }

  onAnswered(): void {
    this.before?.onAnswered();
    this.beginIfNext();
  }

  interrupt(): boolean {
    return false;
  }

  unblock(_isError: boolean, then: (wasBlocked: boolean) => void): void {
    then(false);
  }

  abandon(): void {
    this.isAbandoned = true;
    this.before?.abandon();
  }

  get originId(): number {
    return this.origin.id;
  }

  get tenant(): ReadyLine | null {
    return this.origin.tenant;
  }

  get maxBytes(): number {
    return this.sweep.maxBytes;
  }

  mayGoOn(): boolean {
    if (this.isEnding) return false;
    if (this.pool.clock.turnMs() - this.startedAtMs <= this.timeoutMs) return true;
    this.words = this.sweep.overdue;
    return false;
  }

  onRequestDone(request: Request): void {
    this.request.timePart(request);
  }

  onFailure(reason: FailureReason): void {
    this.reason ??= reason;
  }

  onRefused(words: Buffer): void {
    this.words ??= words;
  }

  onTooLarge(): void {
    this.words ??= this.sweep.tooLarge;
  }

  onLineDone(): void {
    if (--this.busyLines > 0) return;
    if (this.isEnding) this.end();
    else this.nextRound();
  }

  private beginIfNext(): void {
    if (this.startedAtMs >= 0 || !this.origin.isNext(this.request)) return;
    this.startedAtMs = this.pool.clock.turnMs();
    this.begin();
  }

  /** All servers from the beginning. Keys that move to others of a second ring are met there, or were before. */
  private begin(): void {
    const { pool, sweep } = this;
    const { reshard } = pool;
    const isTwice = sweep.removes && reshard?.phase === 'both';
    this.rounds = isTwice
      ? [serversOf(pool, true, reshard.from), serversOf(pool, true, reshard.to)]
      : [serversOf(pool, sweep.removes, null)];
    this.nextRound();
  }

  private nextRound(): void {
    const servers = this.rounds.shift();
    if (servers === undefined) {
      if (this.sweep.beginAgain()) this.begin();
      else this.settle(this.sweep.reply());
      return;
    }
    if (servers.length === 0) {
      this.onFailure('no_backend');
      this.end();
      return;
    }
    const isOfSlots = this.pool.cluster !== null;
    this.lines = servers.flatMap(backend =>
      this.variants.map(variant => new SweepLine(this, backend, variant, this.sweep.begin(isOfSlots))),
    );
    this.busyLines = this.lines.length;
    for (const line of this.lines) line.advance();
  }

  private get isEnding(): boolean {
    return this.isAbandoned || this.reason !== null || this.words !== null;
  }

  /** Without having got to the end. */
  private end(): void {
    const { words, reason, request, origin } = this;
    if (words !== null) this.settle(words);
    else if (!this.isAbandoned) {
      this.leave();
      origin.onFailure(request, reason as FailureReason);
      origin.readOn();
    }
  }

  private settle(words: Buffer): void {
    if (this.isAbandoned) return;
    const { request, origin } = this;
    this.leave();
    origin.onReply(request, words, 0, words.length, true, null);
    origin.readOn();
  }

  private leave(): void {
    this.lines = [];
    this.origin.privateLane = this.before;
  }
}
