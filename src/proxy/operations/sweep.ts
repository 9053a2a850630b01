import { ACCESS_WRITE } from '../../placement/placement.ts';
import type { KeySweep, MovingKeys } from '../../protocol/key-sweep.ts';
import type { RequestReading } from '../../protocol/protocol.ts';
import type { FailureReason } from '../../request/failure.ts';
import { type ReplySink, Request } from '../../request/request.ts';
import type { ReadyLine } from '../../socket/ready-lines.ts';
import type { Backend } from '../../upstream/backend.ts';
import type { Pool } from '../../upstream/pool.ts';
import type { PrivateLane, RequestOrigin } from '../request-origin.ts';
import { serversOf } from './broadcast.ts';
import { PoolShape } from './pool-shape.ts';
import { SweepLine, type SweepOwner } from './sweep-line.ts';
import type { SweepTurns, TurnTaker } from './sweep-turns.ts';
import { replySink } from './transformed-reply.ts';

/** Before what the client has asked before is answered, and then before its turn. */
const NOT_BEGUN = -1;
const NO_WORDS = Buffer.alloc(0);

/**
 * A request about all keys of its client, which are some of those on the servers: all servers at once are asked for them, each step by
 * step over the connection that all share.
 *
 *   waiting for what the client asked before ─▶ for its turn ─▶ round: server ⇄ step … ─┬▶ the next round ─▶ … ─▶ reply
 *                                                               server ⇄ step … ────────┘
 *
 * Nothing more of the client is dispatched before its reply: what it writes next comes after, and it asks no more than one step a
 * server at a time. A step is a request with the timeout of any other. What fails, or takes too long, ends it, once nothing of it
 * is at a server any more; so does the client that leaves.
 */
export class Sweep implements PrivateLane, SweepOwner, TurnTaker {
  readonly isBusy = true;
  readonly isBlocking = false;
  readonly isGoingThrough = false;
  private readonly pool: Pool;
  private readonly origin: RequestOrigin;
  private readonly request: Request;
  /** Where the reply goes. */
  private readonly sink: ReplySink;
  private readonly turns: SweepTurns;
  private readonly sweep: KeySweep;
  private readonly variants: readonly number[];
  readonly replyKind: number;
  readonly timeoutMs: number;
  /** What the client does beside. */
  private readonly before: PrivateLane | null;
  private enteredAtMs = NOT_BEGUN;
  private startedAtMs = NOT_BEGUN;
  /** Rounds of servers that are still to come. */
  private rounds: (readonly Backend[])[] = [];
  /** Of the pool when the first of them began. */
  private begun: PoolShape | null = null;
  private moving: MovingKeys | null = null;
  /** Of this round. */
  private lines: SweepLine[] = [];
  private busyLines = 0;
  private words: Buffer | null = null;
  private reason: FailureReason | null = null;
  private isAbandoned = false;

  constructor(
    pool: Pool,
    origin: RequestOrigin,
    parser: RequestReading,
    sweep: KeySweep,
    timeoutMs: number,
    turns: SweepTurns,
  ) {
    this.pool = pool;
    this.origin = origin;
    this.sink = replySink(origin, parser.transform);
    this.turns = turns;
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
    const kept = this.sweep.keptBytes + (this.before?.memoryBytes ?? 0);
    return this.lines.reduce((sum, line) => sum + line.heldBytes, kept);
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
    if (this.enteredAtMs !== NOT_BEGUN && this.startedAtMs === NOT_BEGUN) this.turns.leave(this);
    this.stopLines();
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

  onTurn(): void {
    this.startedAtMs = this.pool.clock.turnMs();
    this.begin();
  }

  checkDeadline(nowMs: number): void {
    const isWaiting = this.startedAtMs === NOT_BEGUN;
    if (nowMs - (isWaiting ? this.enteredAtMs : this.startedAtMs) <= this.timeoutMs || this.isEnding) return;
    if (isWaiting) this.settle(this.sweep.neverBegun);
    else this.onRefused(this.sweep.overdue);
  }

  mayGoOn(): boolean {
    if (this.isEnding) return false;
    this.checkDeadline(this.pool.clock.turnMs());
    return !this.isEnding;
  }

  onRequestDone(request: Request): void {
    this.request.timePart(request);
  }

  onFailure(reason: FailureReason): void {
    this.reason ??= reason;
    this.stopLines();
  }

  onRefused(words: Buffer): void {
    this.words ??= words;
    this.stopLines();
  }

  onTooLarge(): void {
    this.onRefused(this.sweep.tooLarge);
  }

  onLineDone(): void {
    if (--this.busyLines > 0) return;
    if (this.isEnding) this.end();
    else this.nextRound();
  }

  private beginIfNext(): void {
    if (this.enteredAtMs !== NOT_BEGUN || !this.origin.isNext(this.request)) return;
    this.enteredAtMs = this.pool.clock.turnMs();
    this.turns.enter(this);
  }

  private stopLines(): void {
    for (const line of this.lines) line.stop();
  }

  /**
   * All servers from the beginning. While keys move to others of a second ring, first all that they come from, then all that they go
   * to: one that is gone before it was met there has arrived before it is looked for here.
   */
  private begin(): void {
    const { pool, sweep } = this;
    const { reshard } = pool;
    this.begun = new PoolShape(pool);
    const isTwice = reshard?.phase === 'both';
    this.rounds = isTwice
      ? [serversOf(pool, sweep.removes, reshard.from), serversOf(pool, sweep.removes, reshard.to)]
      : [serversOf(pool, sweep.removes, null)];
    this.moving = isTwice ? movingKeys(pool, () => this.rounds.length === 0) : null;
    this.nextRound();
  }

  private nextRound(): void {
    const servers = this.rounds.shift();
    if (servers === undefined) {
      if (this.hasChanged) this.restart();
      else if (this.sweep.beginAgain()) this.begin();
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
      this.variants.map(variant => new SweepLine(this, backend, variant, this.sweep.begin(isOfSlots, this.moving))),
    );
    this.busyLines = this.lines.length;
    for (const line of this.lines) line.advance();
  }

  /** Servers came or went, or keys began to move after it had begun, or ended to: some may have got by. */
  private get hasChanged(): boolean {
    const { pool, begun, sweep } = this;
    // In a cluster slots may move all the time: what only counts does not begin anew for each.
    return begun === null || !begun.isThatOf(pool) || (sweep.removes && begun.haveSlotsMoved(pool));
  }

  private restart(): void {
    this.reason = null;
    this.sweep.restart();
    this.begin();
  }

  private get isEnding(): boolean {
    return this.isAbandoned || this.reason !== null || this.words !== null;
  }

  /** Without having got to the end. */
  private end(): void {
    const { words, reason, request, origin, sink } = this;
    if (words !== null || this.isAbandoned) this.settle(words ?? NO_WORDS);
    // Perhaps of a server that has left the pool meanwhile.
    else if (this.hasChanged) this.restart();
    else {
      this.leave();
      sink.onFailure(request, reason as FailureReason);
      origin.readOn();
    }
  }

  private settle(words: Buffer): void {
    const { request, origin, sink } = this;
    this.leave();
    if (this.isAbandoned) return;
    sink.onReply(request, words, 0, words.length, true, null);
    origin.readOn();
  }

  private leave(): void {
    this.lines = [];
    if (!this.isAbandoned) this.origin.privateLane = this.before;
    this.turns.leave(this);
  }
}

function movingKeys(pool: Pool, isSecondRound: () => boolean): MovingKeys {
  const two = pool.twoPlacements;
  return {
    has: name => two.moves(name, 0, name.length, ACCESS_WRITE),
    get isSecondRound() {
      return isSecondRound();
    },
  };
}
