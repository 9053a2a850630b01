/** What the watchdog knows of a worker process. */
export interface Watched {
  /** For how long nothing came from it; whoever reads its messages sets it to 0. */
  silentMs: number;
  /** It has served: until then it may be busy building what it serves by. */
  readonly hasServed: boolean;
}

export interface WatchdogHost<Worker extends Watched> {
  limitMs(): number;
  workers(): Iterable<Worker>;
  /** The worker has been silent for longer than it may be. It is told once. */
  onHang(worker: Worker): void;
  /** For tests: the clock. */
  readonly nowMs?: () => number;
}

/** Workers report once a second (worker.ts). One that misses three reports does not serve, as far as anybody can tell. */
export const SILENT_AFTER_MS = 3000;
const TICK_MS = 500;
/** A worker that has never served gets so long at least: a large configuration takes its time. */
const START_WITHIN_MS = 60_000;

/**
 * Watches whether workers are heard of.
 *
 * A pause of this process (a stop, a suspended machine, a long collection) must not look like silence of theirs: what came
 * meanwhile is read before they are judged, in the turn after the timer's, and however long the pause was, it counts as no
 * more than two ticks. A worker that was paused too has its chance to report.
 */
export class Watchdog<Worker extends Watched> {
  private readonly host: WatchdogHost<Worker>;
  private readonly told = new WeakSet<Worker>();
  private timer: NodeJS.Timeout | null = null;
  private lastTickMs = 0;

  constructor(host: WatchdogHost<Worker>) {
    this.host = host;
  }

  start(): void {
    const now = this.host.nowMs ?? (() => performance.now());
    this.lastTickMs = now();
    this.timer = setInterval(() => {
      const nowMs = now();
      const passedMs = Math.min(nowMs - this.lastTickMs, 2 * TICK_MS);
      this.lastTickMs = nowMs;
      setImmediate(() => this.judge(passedMs));
    }, TICK_MS);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private judge(passedMs: number): void {
    if (this.timer === null) return;
    const { host, told } = this;
    const servingWithinMs = host.limitMs();
    for (const worker of host.workers()) {
      worker.silentMs += passedMs;
      const limitMs = worker.hasServed ? servingWithinMs : Math.max(servingWithinMs, START_WITHIN_MS);
      if (worker.silentMs < limitMs || told.has(worker)) continue;
      told.add(worker);
      host.onHang(worker);
    }
  }
}
