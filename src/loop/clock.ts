import type { Turn, TurnTask } from './turn.ts';

/** Without a look at the clock for so long, and a tick more, the worker was stopped. */
const STOPPED_MIN_MS = 50;

/**
 * The worker's coarse clock. The first socket that is read in an event-loop turn refreshes it, so a request's time stamp
 * costs a property read; the ticker drives every deadline of the worker from one timer.
 *
 * What a peer did within its time may be read late: a worker is stopped for a while (throttled, moved to another machine,
 * collecting garbage), or busy. Two rules keep it from blaming its peers for that:
 *
 *  - The clock stands still while the worker is stopped, but for one tick.
 *  - A deadline is judged by the time of the tick, after all that had come by then was read:
 *
 *     timers: the tick takes the time ─▶ poll: sockets are read ─▶ check: listeners judge by that time
 */
export class Clock implements TurnTask {
  /** Milliseconds on a monotonic scale, as of the last `refresh`. */
  nowMs = performance.now();
  /**
   * Whole microseconds as of the last `refresh`, for telling how long something took: it goes on while the worker is stopped.
   * Of 32 bits, so that it costs no memory of its own; what it went on by is `(later - earlier) >>> 0`, up to 71 minutes.
   */
  nowUs = (this.nowMs * 1000) | 0;
  private readonly turn: Turn;
  private isOfThisTurn = false;
  private readonly listeners: ((nowMs: number) => void)[] = [];
  private timer: NodeJS.Timeout | null = null;
  /** The real time of the last look. */
  private seenAtMs = this.nowMs;
  /** For so long the worker was stopped, in all. */
  private stoppedMs = 0;
  private periodMs = Number.POSITIVE_INFINITY;
  private tickedAtMs = 0;
  private isJudging = false;
  private readonly judge = (): void => {
    this.isJudging = false;
    for (const listener of this.listeners) listener(this.tickedAtMs);
  };

  constructor(turn: Turn) {
    this.turn = turn;
  }

  /** `nowMs` as of this turn. */
  turnMs(): number {
    if (this.isOfThisTurn) return this.nowMs;
    this.isOfThisTurn = true;
    this.turn.defer(this);
    return this.refresh();
  }

  /** `nowUs` as of this turn. */
  turnUs(): number {
    this.turnMs();
    return this.nowUs;
  }

  endTurn(): void {
    this.isOfThisTurn = false;
  }

  refresh(): number {
    const seenAtMs = performance.now();
    const gapMs = seenAtMs - this.seenAtMs;
    this.seenAtMs = seenAtMs;
    if (gapMs > this.periodMs + STOPPED_MIN_MS) this.stoppedMs += gapMs - this.periodMs;
    this.nowMs = seenAtMs - this.stoppedMs;
    this.nowUs = (seenAtMs * 1000) | 0;
    return this.nowMs;
  }

  /** Calls `listener` on every tick, with the time of the tick. Returns the function that ends it. */
  onTick(listener: (nowMs: number) => void): () => void {
    this.listeners.push(listener);
    return () => {
      const index = this.listeners.indexOf(listener);
      if (index >= 0) this.listeners.splice(index, 1);
    };
  }

  /** Starts ticking every `periodMs`; does not keep the process alive. */
  start(periodMs: number): void {
    this.stop();
    this.seenAtMs = performance.now();
    this.periodMs = periodMs;
    this.timer = setInterval(() => this.tick(), periodMs);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
    this.periodMs = Number.POSITIVE_INFINITY;
  }

  private tick(): void {
    this.tickedAtMs = this.refresh();
    if (this.isJudging) return;
    this.isJudging = true;
    setImmediate(this.judge);
  }
}
