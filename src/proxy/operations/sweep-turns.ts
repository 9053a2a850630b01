import type { PoolStats } from '../../figures/statistics.ts';
import type { Clock } from '../../loop/clock.ts';
import type { ReadyLine } from '../../socket/ready-lines.ts';

/** One that takes its turn: a request that has servers look through all of their keys. */
export interface TurnTaker {
  readonly tenant: ReadyLine | null;
  onTurn(): void;
  /** On every tick, before its turn and in it. It may leave. */
  checkDeadline(nowMs: number): void;
}

/**
 * Which sweeps of a pool go on in this worker: at most `limit` at once, those of a tenant that has fewer before others, else in the
 * order in which they came. Each leaves once nothing of it is at a server any more, or before its turn.
 */
export class SweepTurns {
  /** A lower one holds for those that come. */
  limit: number;
  private readonly stats: PoolStats;
  private readonly clock: Clock;
  private readonly running = new Set<TurnTaker>();
  private readonly waiting = new Set<TurnTaker>();
  private isServing = false;
  private stopTicking: (() => void) | null = null;

  constructor(clock: Clock, stats: PoolStats, limit: number) {
    this.clock = clock;
    this.stats = stats;
    this.limit = limit;
  }

  /** Its turn may come before this returns. */
  enter(taker: TurnTaker): void {
    this.stopTicking ??= this.clock.onTick(nowMs => this.checkDeadlines(nowMs));
    this.stats.sweeps++;
    if (this.running.size >= this.limit) this.stats.sweepWaits++;
    this.waiting.add(taker);
    this.serve();
  }

  leave(taker: TurnTaker): void {
    this.waiting.delete(taker);
    this.running.delete(taker);
    this.serve();
    if (this.running.size > 0 || this.waiting.size > 0) return;
    this.stopTicking?.();
    this.stopTicking = null;
  }

  private serve(): void {
    // One that is through at once leaves in the middle of it.
    if (this.isServing) return;
    this.isServing = true;
    while (this.waiting.size > 0 && this.running.size < this.limit) {
      const next = this.next();
      this.waiting.delete(next);
      this.running.add(next);
      next.onTurn();
    }
    this.isServing = false;
    this.stats.sweepsRunning = this.running.size;
    this.stats.sweepsWaiting = this.waiting.size;
  }

  private next(): TurnTaker {
    let [best] = this.waiting as Iterable<TurnTaker>;
    let fewest = Number.POSITIVE_INFINITY;
    for (const taker of this.waiting) {
      const count = this.countOf(taker.tenant);
      if (count < fewest) {
        best = taker;
        fewest = count;
      }
      if (fewest === 0) break;
    }
    return best as TurnTaker;
  }

  private countOf(tenant: ReadyLine | null): number {
    let count = 0;
    for (const taker of this.running) if (taker.tenant === tenant) count++;
    return count;
  }

  private checkDeadlines(nowMs: number): void {
    for (const taker of [...this.running, ...this.waiting]) taker.checkDeadline(nowMs);
  }
}
