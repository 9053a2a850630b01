import type { Turn, TurnTask } from './turn.ts';

/**
 * The worker's coarse clock. The first socket that is read in an event-loop turn refreshes it, so a request's time stamp
 * costs a property read; the ticker drives every deadline of the worker from one timer.
 */
export class Clock implements TurnTask {
  /** Milliseconds on a monotonic scale, as of the last `refresh`. */
  nowMs = performance.now();
  private readonly turn: Turn;
  private isOfThisTurn = false;
  private readonly listeners: (() => void)[] = [];
  private timer: NodeJS.Timeout | null = null;

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

  endTurn(): void {
    this.isOfThisTurn = false;
  }

  refresh(): number {
    this.nowMs = performance.now();
    return this.nowMs;
  }

  /** Calls `listener` on every tick, with `nowMs` fresh. Returns the function that ends it. */
  onTick(listener: () => void): () => void {
    this.listeners.push(listener);
    return () => {
      const index = this.listeners.indexOf(listener);
      if (index >= 0) this.listeners.splice(index, 1);
    };
  }

  /** Starts ticking every `periodMs`; does not keep the process alive. */
  start(periodMs: number): void {
    this.stop();
    this.timer = setInterval(() => this.tick(), periodMs);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private tick(): void {
    this.refresh();
    for (const listener of this.listeners) listener();
  }
}
