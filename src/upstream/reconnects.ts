const MIN_MS = 50;
const MAX_MS = 1000;
/** Where refusing costs the server nothing and requests ask for it: no later than this. */
const WANTED_MS = 40;

/**
 * When a connection that is down is tried again: after 50 ms, and twice as long each time, up to a second; but soon, while
 * requests ask for a server that refuses at once, so that it is used within 50 ms of its return.
 */
export class Reconnects {
  private readonly open: () => void;
  private attempts = 0;
  private timer: NodeJS.Timeout | null = null;
  private failedAtMs = 0;
  /** A refusal came at once, and cost nobody anything. */
  private isCheap = false;
  private isWanted = false;

  constructor(open: () => void) {
    this.open = open;
  }

  /** An attempt came to nothing: another follows. */
  failed(isCheap: boolean): void {
    this.isCheap = isCheap;
    this.isWanted = false;
    this.failedAtMs = performance.now();
    this.openAfter(spread(Math.min(MAX_MS, MIN_MS * 2 ** Math.min(this.attempts++, 10))));
  }

  /** A request came meanwhile. */
  wanted(): void {
    if (this.isWanted || !this.isCheap || this.timer === null) return;
    this.isWanted = true;
    this.openAfter(Math.max(0, spread(WANTED_MS) - (performance.now() - this.failedAtMs)));
  }

  /** Another attempt is to come. */
  get isWaiting(): boolean {
    return this.timer !== null;
  }

  /** The server serves again. */
  succeeded(): void {
    this.attempts = 0;
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private openAfter(delayMs: number): void {
    this.stop();
    this.timer = setTimeout(() => {
      this.timer = null;
      this.open();
    }, delayMs);
    this.timer.unref();
  }
}

/** Half fixed, half random: workers that lost a server together don't come back together. */
function spread(ceilingMs: number): number {
  return ceilingMs / 2 + (Math.random() * ceilingMs) / 2;
}
