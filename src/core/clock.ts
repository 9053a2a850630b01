/**
 * The worker's coarse clock. Sockets refresh it once per read, so a request's time stamp costs a property read;
 * the ticker drives every deadline of the worker from one timer.
 */
export class Clock {
  /** Milliseconds on a monotonic scale, as of the last `refresh`. */
  nowMs = performance.now();
  private readonly listeners: (() => void)[] = [];
  private timer: NodeJS.Timeout | null = null;

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
