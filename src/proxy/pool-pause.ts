const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A pause of the clients of a pool: their requests wait, all or those that may write, until it ends. */
export class PoolPause {
  isOfAll = false;
  isOfWrites = false;
  private untilMs = 0;
  private timer: NodeJS.Timeout | null = null;
  private readonly onEnd: () => void;

  /** `onEnd`: the requests that waited may go on. */
  constructor(onEnd: () => void) {
    this.onEnd = onEnd;
  }

  /** `untilMs`: in ms since 1970; when that is past, or 0, there is no pause. */
  set(untilMs: number, isOfWrites: boolean): void {
    this.untilMs = untilMs;
    this.isOfAll = !isOfWrites;
    this.isOfWrites = isOfWrites;
    this.look();
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private readonly look = (): void => {
    this.close();
    const leftMs = this.untilMs - Date.now();
    if (leftMs > 0) {
      this.timer = setTimeout(this.look, Math.min(leftMs, LONGEST_TIMER_MS)).unref();
      return;
    }
    this.isOfAll = false;
    this.isOfWrites = false;
    this.onEnd();
  };
}
